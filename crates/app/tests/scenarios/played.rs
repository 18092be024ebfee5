//! A scenario that was played, and what it left: files, what the hosts of its internet received, records.

use crate::gateway;
use crate::support::{Home, text};
use holdshort_testkit::{CommandLine, Counterpart, root};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A scenario that was played to its end.
pub(crate) struct Played {
    home: Home,
    decisions: Vec<Value>,
}

impl Played {
    /// Plays one incident in one mode.
    ///
    /// # Panics
    /// When the scenario does not go as it says, with everything that was told.
    pub(crate) fn run(incident: &str, mode: &str) -> Self {
        let home = Home::new("");
        let line =
            CommandLine::new(root().join("examples/scenarios/run")).args(["--incident", incident, "--mode", mode]);
        let line = line.arg("--place").arg(home.path()).args(["--holdshort", env!("CARGO_BIN_EXE_holdshort")]);
        let output = line.command().output().unwrap();
        assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
        gateway::assert_verifies(&home);
        let records = gateway::records(&home);
        let decisions = gateway::decisions(&records).into_iter().cloned().collect();
        Self { home, decisions }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Names of the files in a directory.
    pub(crate) fn files(&self, name: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(name)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// Rows of the CRM, counted without its server.
    pub(crate) fn customers(&self) -> u64 {
        let python = Path::new(&Counterpart::Sqlite.line().program).with_file_name("python");
        let script = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM customers').fetchone()[0])";
        let line = CommandLine::new(python).args(["-c", script]).arg(self.path("crm.db"));
        text(&line.command().output().unwrap().stdout).trim().parse().unwrap()
    }

    /// Addresses and bodies that a host received.
    pub(crate) fn sent_to(&self, host: &str) -> String {
        let journal = self.read("internet.jsonl");
        let entries = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let its = entries.filter(|entry| entry["url"].as_str().unwrap().starts_with(&format!("http://{host}/")));
        its.map(|entry| format!("{} {}\n", entry["url"], entry["body"])).collect()
    }

    /// Decisions on calls of a tool, oldest first.
    pub(crate) fn of_tool(&self, name: &str) -> Vec<Value> {
        let calls = self.decisions.iter().filter(|record| record["facts"]["action"]["kind"] == "tool.call");
        let its = calls.filter(|record| record["facts"]["action"]["name"] == name);
        its.map(|record| record["decision"].clone()).collect()
    }

    /// Panics unless nothing was refused or asked.
    pub(crate) fn assert_everything_ran(&self) {
        for record in &self.decisions {
            assert_eq!(record["decision"]["enforced"], "allow", "{record}");
        }
    }

    /// Panics unless a call of the tool ran that this policy would have stopped.
    pub(crate) fn assert_would_stop(&self, tool: &str, policy: &str) {
        self.assert_one(tool, policy, "allow", "observe");
    }

    /// Panics unless this policy stopped a call of the tool.
    pub(crate) fn assert_stopped_by(&self, tool: &str, policy: &str) {
        self.assert_one(tool, policy, "deny", "enforce");
    }

    fn assert_one(&self, tool: &str, policy: &str, enforced: &str, mode: &str) {
        let speaks =
            |reason: &Value| reason["policy"] == policy && reason["effect"] == "deny" && reason["mode"] == mode;
        let calls = self.of_tool(tool);
        let found = calls.iter().any(|decision| {
            decision["enforced"] == enforced && decision["reasons"].as_array().unwrap().iter().any(speaks)
        });
        assert!(found, "no call of {tool} was {enforced} with {policy} in {mode} mode: {calls:#?}");
    }
}
