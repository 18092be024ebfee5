//! `export status`: how far each configured export got, from the files that say so.

use crate::cli::{ExportCommand, Output};
use crate::config::Export;
use crate::failure::{Code, Failure, Outcome};
use crate::place::Place;
use crate::{clock, out};
use holdshort_export::{Cursor, State};
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::Duration;

pub(super) fn run(command: &ExportCommand) -> Outcome {
    match command {
        ExportCommand::Status { place, output } => status(place, *output),
    }
}

fn status(place: &Place, output: Output) -> Outcome {
    let loaded = place.load()?;
    let data = place.data(&loaded)?;
    let exports = &loaded.config.export;
    if exports.is_empty() {
        return Err(Failure::usage("no export is configured").hint("see `[[export]]` in docs/guides/export.md"));
    }
    // Without a log yet there is nothing to be behind of.
    let size = super::log::open(&data.log()).map_or(0, |records| records.size());
    let mut well = true;
    let mut rows = Vec::new();
    let mut values = Vec::new();
    for export in exports {
        let found = Cursor::new(&data.exports(), &export.name).load();
        let (state, error) = match found {
            Ok(state) => (state, None),
            Err(error) => (None, Some(error.to_string())),
        };
        let error = error.or_else(|| state.as_ref().and_then(|state| state.error.clone()));
        well &= error.is_none() && state.as_ref().is_none_or(|state| state.skipped == 0 && state.lost == 0);
        values.push(value(export, state.as_ref(), size, error.as_deref()));
        rows.push(row(export, state.as_ref(), size, error.as_deref()));
    }
    if output.json {
        out::json(&json!({ "size": size, "exports": values }))?;
    } else {
        out::table(
            &["NAME", "FORMAT", "NEXT", "LAG", "SENT", "FILTERED", "SKIPPED", "LOST", "LAST SENT", "ERROR"],
            &rows,
        )?;
    }
    Ok(if well { ExitCode::SUCCESS } else { Code::Refused.into() })
}

fn value(export: &Export, state: Option<&State>, size: u64, error: Option<&str>) -> Value {
    let mut value = json!({
        "name": export.name, "format": export.format, "begun": state.is_some(), "lag": lag(state, size), "error": error,
    });
    if let (Some(object), Some(state)) = (value.as_object_mut(), state) {
        let counts = [
            ("next", state.next),
            ("sent", state.sent),
            ("filtered", state.filtered),
            ("skipped", state.skipped),
            ("lost", state.lost),
            ("failures", state.failures.into()),
            ("last_sent_ms", state.last_sent_ms),
            ("updated_ms", state.updated_ms),
        ];
        object.extend(counts.map(|(name, count)| (name.to_owned(), count.into())));
        object.insert("log".into(), Value::from(&*state.log));
    }
    value
}

fn row(export: &Export, state: Option<&State>, size: u64, error: Option<&str>) -> Vec<String> {
    let count = |of: fn(&State) -> u64| state.map_or_else(|| "-".to_owned(), |state| of(state).to_string());
    let ago = match state.map(|state| state.last_sent_ms) {
        None | Some(0) => "never".to_owned(),
        Some(at_ms) => {
            let ago = Duration::from_secs(clock::now_ms().saturating_sub(at_ms) / 1_000);
            format!("{} ago", humantime::format_duration(ago))
        }
    };
    vec![
        export.name.clone(),
        export.format.format().as_str().to_owned(),
        count(|state| state.next),
        lag(state, size).to_string(),
        count(|state| state.sent),
        count(|state| state.filtered),
        count(|state| state.skipped),
        count(|state| state.lost),
        ago,
        error.unwrap_or("-").to_owned(),
    ]
}

/// Records that it has not looked at. The size is that of the last checkpoint, which may be behind the exports.
fn lag(state: Option<&State>, size: u64) -> u64 {
    size.saturating_sub(state.map_or(0, |state| state.next))
}
