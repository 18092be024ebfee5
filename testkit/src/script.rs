//! Scripted sessions of the official client SDKs (`testkit/client.mjs`, `testkit/client.py`).

use serde_json::Value;

use crate::counterpart::{ours, python, rmcp, root};
use crate::{CommandLine, Server};

/// The SDK that plays the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// TypeScript SDK v1: sessions only.
    TypescriptV1,
    /// TypeScript SDK v2: looks for 2026-07-28 first.
    TypescriptV2,
    /// Python `mcp` 2: looks for 2026-07-28 first.
    PythonMcp,
    /// Python `fastmcp` 4: looks for 2026-07-28 first.
    PythonFastmcp,
    /// Rust `rmcp`: looks for 2026-07-28 first; only the operations `list` and `call`.
    Rmcp,
}

/// A run of a script against one server.
#[derive(Clone, Debug)]
pub struct Script {
    line: CommandLine,
}

impl Script {
    /// `script` is a file of `testkit/scripts/` (`fixture.json`) or a JSON array of operations.
    pub fn new(driver: Driver, script: &str) -> Self {
        let line = match driver {
            Driver::TypescriptV1 => ours("client.mjs").args(["--sdk", "v1"]),
            Driver::Rmcp => rmcp().arg("client"),
            Driver::TypescriptV2 => ours("client.mjs").args(["--sdk", "v2"]),
            Driver::PythonMcp => {
                python("modern", "python").arg(root().join("testkit/client.py")).args(["--sdk", "mcp"])
            }
            Driver::PythonFastmcp => {
                python("modern", "python").arg(root().join("testkit/client.py")).args(["--sdk", "fastmcp"])
            }
        };
        let inline = script.trim_start().starts_with('[');
        let script =
            if inline { script.to_owned() } else { root().join("testkit/scripts").join(script).display().to_string() };
        Self { line: line.arg("--script").arg(script) }
    }

    /// The era to ask for: `auto` (default), `legacy` or `2026-07-28`.
    #[must_use]
    pub fn era(self, era: &str) -> Self {
        Self { line: self.line.args(["--era", era]) }
    }

    /// The bearer token to send.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        Self { line: self.line.args(["--token", token]) }
    }

    /// Runs against a server over HTTP; returns the report.
    pub fn against(self, server: &Server) -> Value {
        self.url(server.url())
    }

    /// Runs against an address; returns the report.
    pub fn url(self, url: &str) -> Value {
        report(&self.line.args(["--url", url]))
    }

    /// Runs against a program on stdio, which the client starts; returns the report.
    pub fn command(self, server: &CommandLine) -> Value {
        report(&self.line_for(server))
    }

    /// How to start the client for a program on stdio, for tests that do something to it meanwhile.
    pub fn line_for(self, server: &CommandLine) -> CommandLine {
        self.line.arg("--command").args(server.words())
    }
}

fn report(line: &CommandLine) -> Value {
    let output = line.command().output().unwrap_or_else(|error| panic!("cannot start {}: {error}", line.program));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("the client printed no report ({error}), {}\n{}", output.status, String::from_utf8_lossy(&output.stderr))
    })
}
