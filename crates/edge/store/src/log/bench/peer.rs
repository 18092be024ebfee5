//! A peer: the same records in SQLite, write-ahead log with a full sync, one transaction for a group. It proves nothing.

use super::latencies::Latencies;
use super::payload::Payload;
use super::{BenchCase, BenchProgress, BenchStep, LogError};
use rusqlite::Connection;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

pub(super) fn groups(
    directory: &Path,
    payload: &Payload,
    group: usize,
    duration: Duration,
    progress: BenchProgress<'_>,
) -> Result<BenchCase, LogError> {
    let name = format!("peer: a group of {group}, SQLite WAL FULL");
    let path = directory.join("peer.db");
    let failed = |error: rusqlite::Error| LogError::io("write", &path)(io::Error::other(error));
    let mut measure = || -> Result<_, rusqlite::Error> {
        let connection = Connection::open(&path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.execute("CREATE TABLE records (id INTEGER PRIMARY KEY, payload BLOB NOT NULL) STRICT", ())?;
        let mut begin_group = connection.prepare("BEGIN IMMEDIATE")?;
        let mut insert = connection.prepare("INSERT INTO records (payload) VALUES (?1)")?;
        let mut commit = connection.prepare("COMMIT")?;
        let mut latencies = Latencies::new();
        let begin = Instant::now();
        let mut number = 0u64;
        while begin.elapsed() < duration {
            let start = Instant::now();
            begin_group.execute(())?;
            for _ in 0..group {
                insert.execute([payload.record(number)])?;
                number = number.saturating_add(1);
            }
            commit.execute(())?;
            latencies.add(start.elapsed());
            let (done, total) = (begin.elapsed().as_secs(), duration.as_secs());
            progress(BenchStep { case: &name, done, total, unit: "s" });
        }
        Ok((latencies, begin.elapsed()))
    };
    let (latencies, elapsed) = measure().map_err(failed)?;
    for suffix in ["", "-wal", "-shm"] {
        let path = directory.join(format!("peer.db{suffix}"));
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(LogError::io("remove", &path)(error)),
            _ => {}
        }
    }
    Ok(BenchCase::new(&name, &latencies, elapsed, group as u64))
}
