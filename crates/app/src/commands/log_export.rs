//! `log export`: records made into events of another system, once.

use crate::cli::LogExportArgs;
use crate::clock;
use crate::failure::{Failure, Outcome, io_failure, named_file};
use crate::out;
use crate::replay::Progress;
use crate::service::export::arguments;
use crate::service::export_source::event;
use holdshort_export::{Body, Encoder, Event, Item, lines};
use holdshort_ledger::VerifierKey;
use holdshort_model::{Record, Scope};
use holdshort_store::log::PUBLIC_KEY_FILE;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// Longest line of CEF, in bytes.
const LINE_BYTES_MAX: usize = 16 << 10;
/// Records that are put together where a format does so.
const BATCH: usize = 500;

pub(super) fn run(wanted: &LogExportArgs) -> Outcome {
    super::log::in_order(wanted.from, wanted.to)?;
    let directory = wanted.directory.clone().map_or_else(|| super::log::directory(&wanted.place), Ok)?;
    let records = super::log::open(&directory)?;
    let origin = origin(&directory)?;
    match &wanted.out {
        None => write(wanted, &records, &origin, &mut Shown(io::stdout().lock())),
        Some(path) => {
            let file = File::create_new(path).map_err(named_file("make", path))?;
            let mut out = BufWriter::new(file);
            write(wanted, &records, &origin, &mut out)?;
            out.into_inner()
                .map_err(io::IntoInnerError::into_error)
                .and_then(|file| file.sync_all())
                .map_err(io_failure("write", path))
        }
    }
    .map(|()| ExitCode::SUCCESS)
}

fn write(
    wanted: &LogExportArgs,
    records: &holdshort_store::records::Records,
    origin: &Arc<str>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let mut encoder = Encoder::new(wanted.format.format(), arguments(wanted.arguments), LINE_BYTES_MAX);
    let from_ms = wanted.since.map_or(0, |when| when.0);
    let (now_ms, first) = (clock::now_ms(), wanted.from.unwrap_or(0));
    let last = wanted.to.unwrap_or(u64::MAX);
    let mut progress = Progress::new(records.size().saturating_sub(first));
    let mut items: Vec<Item> = Vec::new();
    // The one before is looked at as well: the first one refers to it.
    for record in records.forwards(first.saturating_sub(1)) {
        let record = record.map_err(super::log::unreadable)?;
        if record.index() > last {
            break;
        }
        let event = event(origin, now_ms, &record);
        if event.index < first {
            let _ = encoder.push(&event);
            continue;
        }
        progress.step();
        // What is left out may be what a later one is joined with.
        let item = encoder.push(&event);
        if event.time_ms() >= from_ms && belongs(&event, wanted) {
            items.push(item);
        }
        if items.len() >= BATCH && !flush(&mut items, out)? {
            return Ok(());
        }
    }
    // What no outcome was found for goes as it is.
    items.extend(encoder.overdue(u64::MAX, 0, [0; 32]));
    flush(&mut items, out).map(drop)
}

/// Standard output, which may be a terminal: what could steer it stands as an escape of JSON, which means the same. Lines of
/// CEF have nothing of the kind. Whole lines come in.
struct Shown<W>(W);

impl<W: Write> Write for Shown<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(out::escaped_lines(&String::from_utf8_lossy(bytes)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Writes what there is. False when nobody reads it any more.
fn flush(items: &mut Vec<Item>, out: &mut dyn Write) -> Result<bool, Failure> {
    let written = out.write_all(lines(items).as_bytes()).and_then(|()| out.flush());
    items.clear();
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::internal(format!("cannot write: {error}"))),
    }
}

/// Whether a record is of the session and the agent that are asked for. What does not say of whom it is, is not.
fn belongs(event: &Event, wanted: &LogExportArgs) -> bool {
    let Body::Record(record) = &event.body else { return wanted.session.is_none() && wanted.agent.is_none() };
    let (session, agent) = match &**record {
        Record::Decision(record) => (Some(&record.request.session), Some(&record.request.subject.agent)),
        Record::Outcome(outcome) => (Some(&outcome.session), None),
        Record::Approval(approval) => (Some(&approval.session), Some(&approval.agent)),
        Record::Declassification(lowered) => (Some(&lowered.session), Some(&lowered.agent)),
        Record::Standing(standing) => match &standing.after.scope {
            Scope::Session { session, agent } => (Some(session), Some(agent)),
            Scope::Agent { agent } => (None, Some(agent)),
            Scope::All | Scope::Class { .. } => (None, None),
        },
        _ => (None, None),
    };
    let same = |asked: &Option<String>, found: Option<&str>| asked.as_deref().is_none_or(|asked| found == Some(asked));
    same(&wanted.session, session.map(|session| session.as_str()))
        && same(&wanted.agent, agent.map(|agent| agent.as_str()))
}

fn origin(directory: &Path) -> Result<Arc<str>, Failure> {
    let path = directory.join(PUBLIC_KEY_FILE);
    let text = fs::read_to_string(&path).map_err(io_failure("read", &path))?;
    let key = VerifierKey::parse(text.trim());
    key.map(|key| key.name().into()).map_err(|error| Failure::refused(format!("`{}`: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_agents_call_things_steers_no_terminal() {
        let mut shown = Shown(Vec::new());
        shown.write_all("{\"name\":\"a\u{9b}31m\u{202e}\"}\nCEF:0|x\n".as_bytes()).unwrap();
        assert_eq!(String::from_utf8(shown.0).unwrap(), "{\"name\":\"a\\u009b31m\\u202e\"}\nCEF:0|x\n");
    }
}
