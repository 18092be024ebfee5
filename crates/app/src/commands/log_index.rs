//! `log index`: how the index stands, and making it again. Also what the other commands search with.

use super::log::open;
use crate::cli::IndexArgs;
use crate::config::LogSettings;
use crate::failure::{Failure, Outcome};
use crate::out;
use crate::place::DataDir;
use crate::replay::Progress;
use holdshort_store::index::{Index, IndexError, Unusable, Writer};
use holdshort_store::records::Records;
use serde_json::json;
use std::process::ExitCode;

pub(super) fn run(arguments: &IndexArgs) -> Outcome {
    let data = arguments.place.data(&arguments.place.load()?)?;
    let records = open(&data.log())?;
    if arguments.update || arguments.rebuild {
        // Whoever asks for an index gets one, on however full a disk: the log looks after its own room.
        let mut writer = Writer::open(&data.index(), &data.log(), &records, false).map_err(failure)?;
        if arguments.rebuild {
            writer.clear().map_err(failure)?;
        }
        extend(&mut writer, &records).map_err(failure)?;
    }
    let state = match Index::open(&data.index(), &data.log(), &records) {
        Ok(found) => Ok(found.map(|index| index.state())),
        Err(IndexError::Unusable(why)) => Err(why),
        Err(other) => return Err(failure(other)),
    };
    let first = records.reader().first().map_err(super::log::unreadable)?;
    print(arguments, &data, (first, records.size()), state)
}

fn print(
    arguments: &IndexArgs,
    data: &DataDir,
    (first, size): (u64, u64),
    state: Result<Option<holdshort_store::index::IndexState>, Unusable>,
) -> Outcome {
    let known = state.as_ref().ok().copied().flatten();
    // What was dropped counts neither as indexed nor as missing.
    let (end, bytes) = known.map_or((first, 0), |state| (state.size.max(first), state.bytes));
    let (indexed, lag) = (end.saturating_sub(first), size.saturating_sub(end));
    let why = state.as_ref().err().map(ToString::to_string);
    if arguments.output.json {
        let file = data.index();
        out::json(&json!({
            "file": file, "records": size, "dropped": first, "indexed": indexed, "lag": lag, "bytes": bytes,
            "unusable": why,
        }))?;
    } else if let Some(why) = why {
        out::line(format_args!("no index: {why}; the next search makes a new one"))?;
    } else if known.is_none() {
        out::line("no index yet; the next search makes one")?;
    } else {
        let dropped = if first > 0 { format!(", {first} were dropped") } else { String::new() };
        out::line(format_args!("{indexed} records are indexed, {lag} are not{dropped}, {bytes} bytes"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The index to search with, brought up to date unless a running service does that. Without one everything is read, which
/// is said.
pub(super) fn fresh(data: &DataDir, settings: &LogSettings, records: &Records) -> Option<Index> {
    let updated = Writer::open(&data.index(), &data.log(), records, false)
        .and_then(|writer| extend(&mut writer.keep_free(settings.index_keep_free()), records));
    let opened = match updated {
        // Whoever writes it keeps it up to date; what is missing is read.
        Ok(()) | Err(IndexError::Busy | IndexError::Closed(_) | IndexError::Room { .. }) => {
            Index::open(&data.index(), &data.log(), records)
        }
        Err(error) => Err(error),
    };
    opened.unwrap_or_else(|error| {
        out::note(format_args!("every record is read: {error}"));
        None
    })
}

fn extend(writer: &mut Writer, records: &Records) -> Result<(), IndexError> {
    let mut progress = Progress::new(records.size().saturating_sub(writer.index().size()));
    loop {
        let done = writer.extend(records);
        if let Some(why) = writer.take_discarded() {
            out::note(format_args!("the index is made again: {why}"));
            progress = Progress::new(records.size());
        }
        match done? {
            0 => return Ok(()),
            count => (0..count).for_each(|_| progress.step()),
        }
    }
}

fn failure(error: IndexError) -> Failure {
    match error {
        IndexError::Busy => Failure::refused("a running service writes the index")
            .hint("it is kept up to date; to make it again, stop the service first"),
        IndexError::Log(error) => super::log::unreadable(error),
        other => Failure::internal(other),
    }
}
