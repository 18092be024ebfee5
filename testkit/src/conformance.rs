//! Runs of the public conformance suites (`testkit/conformance/run.mjs`).

use std::path::PathBuf;
use std::process::Stdio;

use crate::CommandLine;
use crate::counterpart::{ours, root};

/// A suite and its era.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// conformance 0.1.16: sessions.
    Session,
    /// conformance 0.2.0-alpha.12 at 2025-11-25: sessions, with every message checked against the schema.
    SessionNext,
    /// conformance 0.2.0-alpha.12 at 2026-07-28, with the tasks extension.
    Stateless,
}

impl Suite {
    /// Its name on the command line and in the names of the baselines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::SessionNext => "session-next",
            Self::Stateless => "stateless",
        }
    }
}

/// One run, compared with a committed baseline.
#[derive(Clone, Debug)]
pub struct Conformance {
    line: CommandLine,
}

impl Conformance {
    /// Compares with `testkit/conformance/expected/BASELINE.json`, for example `session-fixture-direct`.
    pub fn new(suite: Suite, baseline: &str) -> Self {
        let expected: PathBuf = root().join("testkit/conformance/expected").join(format!("{baseline}.json"));
        assert!(expected.exists(), "there is no baseline {}", expected.display());
        let line = ours("conformance/run.mjs").args(["--suite", suite.name()]).arg("--expect").arg(expected);
        Self { line }
    }

    /// Only these scenarios.
    #[must_use]
    pub fn only(self, scenarios: &[&str]) -> Self {
        Self { line: self.line.args(["--scenario", &scenarios.join(",")]) }
    }

    /// The bearer token that every request gets on its way (the suites know none).
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        Self { line: self.line.args(["--token", token]) }
    }

    /// Runs against an address.
    ///
    /// # Errors
    /// The regressions against the baseline, one on each line.
    pub fn url(self, url: &str) -> Result<(), String> {
        let mut command = self.line.args(["--url", url]).command();
        let output = command.stdout(Stdio::null()).output().expect("node can be started");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(()) } else { Err(said) }
    }
}
