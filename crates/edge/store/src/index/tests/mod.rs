//! A log with an index, and records to put into it. The tests lie beside, by what they are about.

mod forget;
mod records;
mod same;
mod trust;

use super::*;
use crate::log::{Log, LogOptions};
use crate::records::LoggedRecord;
use holdshort_model::{Effect, Level, Record, RecordId};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::ops::Range;
use tempfile::TempDir;

/// A data directory with a log and an index.
struct World {
    data: TempDir,
    log: Log,
}

impl World {
    fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let log = Self::open_log(&data);
        Self { data, log }
    }

    fn open_log(data: &TempDir) -> Log {
        let options = LogOptions {
            segment_bytes_first: 0,
            segment_bytes_max: 0,
            ..LogOptions::new(data.path().join("log"), data.path().join("log.key"), "example.com/test")
        };
        Log::open(options).unwrap().0
    }

    fn with(records: &[Value]) -> Self {
        let world = Self::new();
        world.append(records);
        world
    }

    fn append(&self, records: &[Value]) {
        let (last, rest) = records.split_last().unwrap();
        rest.iter().for_each(|record| self.log.enqueue(bytes_of(record)).unwrap());
        self.log.append_blocking(bytes_of(last)).unwrap();
    }

    fn records(&self) -> Records {
        Records::new(self.log.reader().unwrap())
    }

    fn directory(&self) -> PathBuf {
        self.data.path().join("log")
    }

    fn file(&self) -> PathBuf {
        self.data.path().join(INDEX_FILE)
    }

    fn writer(&self) -> Writer {
        Writer::open(&self.file(), &self.directory(), &self.records(), true).unwrap()
    }

    /// Indexes everything.
    fn index(&self) -> Writer {
        let mut writer = self.writer();
        while writer.extend(&self.records()).unwrap() > 0 {}
        writer
    }

    fn reader(&self) -> Result<Option<Index>, IndexError> {
        Index::open(&self.file(), &self.directory(), &self.records())
    }

    fn find(&self, index: Option<&Index>, filter: &Filter, order: Order, range: Range<u64>) -> Vec<u64> {
        let records = self.records();
        let mut search = Search::new(&records, index, filter, order, range);
        let found = search.by_ref().map(|record| record.unwrap().index()).collect();
        assert!(search.fault().is_none(), "{:?}", search.fault());
        found
    }

    fn scan(&self, filter: &Filter) -> Vec<u64> {
        self.find(None, filter, Order::OldestFirst, 0..u64::MAX)
    }
}

/// A record as the service writes it, with its type first; of another version, as it is.
fn bytes_of(record: &Value) -> Vec<u8> {
    serde_json::from_value::<Record>(record.clone())
        .map_or_else(|_| record.to_string().into_bytes(), |record| serde_json::to_vec(&record).unwrap())
}

fn id(number: u64) -> RecordId {
    RecordId::from_parts(1_000 + number, number.into())
}

struct Told<'a> {
    agent: &'a str,
    session: &'a str,
    tool: &'a str,
    effect: &'a str,
    level: &'a str,
    message: &'a str,
}

const TOLD: Told<'static> =
    Told { agent: "tidy", session: "s1", tool: "read_file", effect: "allow", level: "low", message: "fine" };

fn decision(number: u64, told: &Told<'_>) -> Value {
    let Told { agent, session, tool, effect, level, message } = told;
    let digest = format!("sha256:{}", "0".repeat(64));
    json!({
        "type": "decision", "version": 1, "sequence": 0, "received_ms": 1_000 + number, "deciding_ns": 5,
        "request": {
            "subject": { "agent": agent, "user": "ann" }, "session": session,
            "action": { "kind": "tool.call", "server": "files", "name": tool, "args": {} },
        },
        "facts": {
            "subject": {
                "agent": { "id": agent, "class": "c" }, "session": session,
                "authenticated_by": "token", "standing": "active",
            },
            "action": { "kind": "tool.call", "name": tool, "args": {}, "effects": [
                { "verb": "delete", "resource": { "kind": "file" }, "certainty": "derived" },
            ]},
            "context": { "time": 1, "enforcement_point": "mcp" },
        },
        "decision": {
            "id": id(number), "effect": effect, "enforced": "allow", "mode": "observe",
            "risk": { "score": 1, "level": level, "parts": [] },
            "reasons": [{ "policy": format!("p/{effect}"), "message": message, "effect": effect, "mode": "observe" }],
            "snapshot": digest,
        },
        "build": { "version": "1" },
    })
}

fn event(number: u64, event: &str, detail: Value) -> Value {
    json!({ "type": "lifecycle", "time_ms": 1_000 + number, "event": event, "detail": detail })
}

fn outcome(number: u64, session: &str) -> Value {
    json!({ "type": "outcome", "decision": id(number), "session": session, "status": "ok", "bytes": 1, "duration_us": 1 })
}

#[test]
fn the_samples_are_records_of_this_version() {
    let read = |value: Value| serde_json::from_value::<Record>(value).unwrap();
    assert!(matches!(read(decision(1, &TOLD)), Record::Decision(_)));
    assert!(matches!(read(outcome(1, "s")), Record::Outcome(_)));
}
