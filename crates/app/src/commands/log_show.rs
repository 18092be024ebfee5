//! `log show`: one record, by its place or by the id of its decision.

use super::log::{dropped, entry, open, unreadable};
use super::log_index;
use super::log_search::skipped;
use crate::cli::Output;
use crate::failure::{Failure, Outcome};
use crate::out;
use crate::place::Place;
use holdshort_model::{Record, RecordId};
use holdshort_store::index::{Facet, Filter, Order, Search};
use holdshort_store::records::{LoggedRecord, Records};
use std::process::ExitCode;

pub(super) fn run(place: &Place, output: Output, wanted: &str) -> Outcome {
    let loaded = place.load()?;
    let data = place.data(&loaded)?;
    let records = open(&data.log())?;
    let record = match (wanted.parse::<u64>(), wanted.parse::<RecordId>()) {
        (Ok(index), _) => at(&records, index)?,
        (Err(_), Ok(id)) => {
            let index = log_index::fresh(&data, &loaded.config.log, &records);
            let filter = Filter::default().ids([id]).any(Facet::Type, ["decision"]);
            let mut carries = Search::new(&records, index.as_ref(), &filter, Order::NewestFirst, 0..u64::MAX);
            // What rests on the decision may carry its id too.
            let found = carries.find(|record| match record.as_ref().map(LoggedRecord::parse) {
                Ok(Some(Record::Decision(decision))) => decision.decision.id == id,
                Ok(_) => false,
                Err(_) => true,
            });
            match found {
                Some(record) => record.map_err(unreadable)?,
                None => {
                    let sealed = skipped(index.as_ref(), carries.sealed(), 0..u64::MAX);
                    let hint = sealed.line().map(|line| format!("{line}; it may be one of these"));
                    return Err(Failure::refused(format!("there is no decision `{wanted}`"))
                        .hint(hint.unwrap_or_else(|| range(&records))));
                }
            }
        }
        (Err(_), Err(_)) => {
            return Err(Failure::usage(format!("`{wanted}` is neither an index nor the id of a decision")).hint(
                "an index is a number from 0; an id has 26 letters and digits, such as `01JB3Q8ZK4M7T2V9XH6N5C1W0A`",
            ));
        }
    };
    let mut value = entry(&record);
    if let (Some(erased_ms), Some(fields)) = (records.erased_ms(&record), value.as_object_mut()) {
        fields.insert("erased_ms".into(), erased_ms.into());
    }
    if output.json {
        out::json(&value)?;
    } else {
        out::line(out::json_pretty(&value)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn at(records: &Records, index: u64) -> Result<LoggedRecord, Failure> {
    match records.forwards(index).next().transpose().map_err(unreadable)? {
        Some(found) if found.index() > index => Err(dropped(index)),
        Some(found) => Ok(found),
        None => Err(Failure::refused(format!("there is no record {index}")).hint(range(records))),
    }
}

fn range(records: &Records) -> String {
    let seen = "one of a running service is seen here with the next checkpoint, within a second";
    match records.size().checked_sub(1) {
        Some(last) => format!("records go from 0 to {last}; {seen}"),
        None => format!("there are none yet; {seen}"),
    }
}
