//! What exports say of themselves: to people, on record, and in `/metrics`.

use crate::service::assemble::Assembled;
use holdshort_export::{Listener, Meter, render_meters};
use holdshort_model::Level;
use holdshort_server::{Alarm, Service};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::runtime::Handle;

/// Puts on record what people should know of an export, and tells them. Called on the runtime of the service; the exports
/// call it from threads of their own, and wait for nothing.
pub(crate) fn listener(service: &Arc<Service>) -> Listener {
    let (service, runtime) = (service.clone(), Handle::current());
    Arc::new(move |export, alarm| {
        let (service, (detail, mut alarm)) = (service.clone(), told(export, alarm));
        runtime.spawn(async move {
            match service.note_in_log(alarm.event, detail).await {
                Ok(index) => alarm.index = Some(index),
                Err(fault) => {
                    let (event, mode) = (alarm.event, fault.mode.as_str());
                    tracing::warn!(event, mode, "what happened to an export is not on record");
                }
            }
            service.alarm(&alarm).await;
        });
    })
}

/// Shows what the exports count beside what the service counts.
pub(crate) fn expose(assembled: &Assembled, meters: Vec<Arc<Meter>>) {
    let log = assembled.log.clone();
    assembled.service.expose(move |text| render_meters(&meters, log.size(), text));
}

/// The detail of the record, and what people are told.
fn told(export: &str, happened: holdshort_export::Alarm) -> (Value, Alarm) {
    use holdshort_export::Alarm as Happened;
    let alarm = |event, level, title: String, facts| Alarm {
        event,
        about: export.to_owned(),
        level,
        title,
        facts,
        commands: vec![("how far each export got", "holdshort export status".to_owned())],
        index: None,
    };
    match happened {
        Happened::Late { seconds, next, error } => {
            let mut facts = vec![("next record", next.to_string())];
            facts.extend(error.clone().map(|error| ("error", error)));
            let title = format!("the export `{export}` did not catch up with the log for {}", span(seconds));
            let detail = json!({ "export": export, "seconds": seconds, "next": next, "reason": error });
            (detail, alarm("export-late", Level::High, title, facts))
        }
        Happened::CaughtUp { seconds } => {
            let title = format!("the export `{export}` caught up with the log again, after {}", span(seconds));
            let detail = json!({ "export": export, "seconds": seconds });
            (detail, alarm("export-caught-up", Level::Low, title, Vec::new()))
        }
        Happened::Refused { records } => {
            let title = format!("the receiver of the export `{export}` refused {records} records for good");
            let facts = vec![("which", "the service's own messages name each, with its index".to_owned())];
            (json!({ "export": export, "records": records }), alarm("export-refused", Level::High, title, facts))
        }
        Happened::Lost { records } => {
            let title = format!("{records} records were dropped before the export `{export}` could send them");
            (json!({ "export": export, "records": records }), alarm("export-lost", Level::High, title, Vec::new()))
        }
    }
}

fn span(seconds: u64) -> String {
    humantime::format_duration(std::time::Duration::from_secs(seconds)).to_string()
}
