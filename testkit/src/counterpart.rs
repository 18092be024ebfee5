//! Where the counterparts are: the real ones below `.cache/counterparts/`, ours in `testkit/`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The project's checkout.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("testkit lies in the checkout").to_path_buf()
}

/// A program with its arguments, as an `mcp.json` or a configuration names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    /// Path or name of the program.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
}

impl CommandLine {
    /// A program without arguments.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self { program: utf8(program.as_ref()), args: Vec::new() }
    }

    /// The same with one more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(utf8(arg.as_ref()));
        self
    }

    /// The same with more arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(self, args: impl IntoIterator<Item = A>) -> Self {
        args.into_iter().fold(self, Self::arg)
    }

    /// The program and its arguments in one list.
    pub fn words(&self) -> Vec<String> {
        std::iter::once(self.program.clone()).chain(self.args.iter().cloned()).collect()
    }

    /// For starting it.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args);
        command
    }
}

fn utf8(text: &OsStr) -> String {
    text.to_str().expect("paths and arguments of tests are UTF-8").to_owned()
}

/// A server or a client that the tests run against. The comment says its era and its transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counterpart {
    /// `@modelcontextprotocol/server-everything`: sessions, stdio.
    Everything,
    /// The same over HTTP on a free port; start it with [`crate::Server`].
    EverythingHttp,
    /// `@modelcontextprotocol/server-filesystem`: sessions, stdio; arguments: the allowed directories.
    Filesystem,
    /// `@modelcontextprotocol/server-memory`: sessions, stdio; `MEMORY_FILE_PATH` names its file.
    Memory,
    /// `mcp-server-git` (Python): both eras, stdio; arguments: `--repository DIR`.
    Git,
    /// `mcp-server-fetch` (Python): both eras, stdio.
    Fetch,
    /// `mcp-server-sqlite` (Python, SDK 1): sessions, stdio; arguments: `--db-path FILE`.
    Sqlite,
    /// Our fixture on the TypeScript SDK v1: sessions; HTTP, or stdio with `--stdio`.
    FixtureSession,
    /// Our fixture on the TypeScript SDK v2: 2026-07-28 and stateless service of older clients; HTTP, or `--stdio`.
    FixtureStateless,
    /// Our server on the Rust SDK (rmcp): both eras; HTTP, or `--stdio`.
    Rmcp,
    /// Our server that behaves badly: both eras; HTTP, or `--stdio`. `testkit/servers/misbehave.mjs` lists its modes.
    Misbehave,
}

impl Counterpart {
    /// How to start it.
    ///
    /// # Panics
    /// When it is not installed, with the command that installs it.
    pub fn line(self) -> CommandLine {
        match self {
            Self::Everything => package("server-everything"),
            Self::Filesystem => package("server-filesystem"),
            Self::Memory => package("server-memory"),
            Self::EverythingHttp => ours("servers/everything-http.mjs"),
            Self::FixtureSession => ours("servers/fixture-session.mjs"),
            Self::FixtureStateless => ours("servers/fixture-stateless.mjs"),
            Self::Misbehave => ours("servers/misbehave.mjs"),
            Self::Rmcp => rmcp().arg("server"),
            Self::Git => python("modern", "mcp-server-git"),
            Self::Fetch => python("modern", "mcp-server-fetch"),
            Self::Sqlite => python("sessions", "mcp-server-sqlite"),
        }
    }
}

/// An SMTP server; prints its address, then each message, one line of JSON each. Ends with its standard input.
///
/// # Panics
/// When it is not installed, with the command that installs it.
pub fn mail_server() -> CommandLine {
    python("mail", "python").arg(root().join("testkit/servers/smtp.py"))
}

/// An auditor of log directories on the code of Go's checksum database; arguments: the directory, and an older checkpoint.
///
/// # Panics
/// When it is not installed, with the command that installs it.
pub fn log_audit() -> CommandLine {
    CommandLine::new(installed("tlog", &root().join(".cache/counterparts/tlog/log-audit")))
}

/// Another auditor of log directories, on the Python package aics-tlog; arguments: the directory, the key's file, and an
/// older checkpoint.
///
/// # Panics
/// When it is not installed, with the command that installs it.
pub fn tiles_audit() -> CommandLine {
    python("proofs", "python").arg(root().join("testkit/proofs/audit.py"))
}

/// A verifier of COSE receipts on the Python package scitt-cose; argument: the file of the public key. It reads one check a
/// line and answers each with a line of JSON, see `testkit/proofs/receipts.py`.
///
/// # Panics
/// When it is not installed, with the command that installs it.
pub fn receipt_check() -> CommandLine {
    python("proofs", "python").arg(root().join("testkit/proofs/receipts.py"))
}

/// A witness of logs that others wrote, the Python package aics-witness; see its own `--help`.
///
/// # Panics
/// When it is not installed, with the command that installs it.
pub fn foreign_witness() -> CommandLine {
    python("proofs", "aics-witness")
}

/// A validator of OCSF events on schemas that others packaged: events on standard input, one a line.
///
/// # Panics
/// When it is not installed, with the command that installs it.
pub fn ocsf_validator() -> CommandLine {
    python("export", "python").arg(root().join("testkit/export/ocsf.py"))
}

/// A reader of OTLP requests with the definitions of the OpenTelemetry project: requests on standard input, one a line.
///
/// # Panics
/// When it is not installed, with the command that installs it.
pub fn otlp_reader() -> CommandLine {
    python("export", "python").arg(root().join("testkit/export/otlp.py"))
}

/// The same Node for everything, so that measurements compare.
pub(crate) fn node() -> CommandLine {
    CommandLine::new("node")
}

/// A script of `testkit/`, run by Node; it finds its packages through `testkit/node_modules`.
pub(crate) fn ours(script: &str) -> CommandLine {
    installed("npm", &root().join("testkit/node_modules"));
    node().arg(root().join("testkit").join(script))
}

/// The client and server on the Rust SDK.
pub(crate) fn rmcp() -> CommandLine {
    let program = root().join(".cache/counterparts/rmcp/debug/holdshort-rmcp");
    CommandLine::new(installed("rmcp", &program))
}

fn package(name: &str) -> CommandLine {
    let main =
        root().join(".cache/counterparts/npm/node_modules/@modelcontextprotocol").join(name).join("dist/index.js");
    node().arg(installed("npm", &main))
}

/// A program of one of the Python environments.
pub(crate) fn python(environment: &str, program: &str) -> CommandLine {
    let path = root().join(".cache/counterparts/python").join(environment).join("bin").join(program);
    CommandLine::new(installed(&format!("python-{environment}"), &path))
}

fn installed<'a>(part: &str, path: &'a Path) -> &'a Path {
    if !path.exists() {
        let missing = std::fs::read_to_string(root().join(".cache/counterparts/missing")).unwrap_or_default();
        let why = missing.lines().find(|line| line.starts_with(part)).unwrap_or("it was never installed");
        panic!("a counterpart of the tests is missing ({part}): run `testkit/install`\n{why}");
    }
    path
}
