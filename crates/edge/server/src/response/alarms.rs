//! People are told of what is the matter with the installation itself: no agent did it, and no playbook asks for it.
//!
//! What raises an alarm puts it on record as well, where the log still takes records. Here it is put into the outbox, and told
//! like everything else; a log that takes no more records holds no message up.

use super::delivery::Delivery;
use super::notices;
use crate::service::Service;
use holdshort_model::{FailMode, Level};
use std::sync::Arc;

/// Something that people have to know of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// Name of the event, such as `witness-conflict`: that of its record, where it has one.
    pub event: &'static str,
    /// What it is about, in the same event: alarms about the same within the window of repetitions become one with a count.
    pub about: String,
    /// How grave it is.
    pub level: Level,
    /// What happened, in one sentence.
    pub title: String,
    /// What is known: what it is, and the value.
    pub facts: Vec<(&'static str, String)>,
    /// What a person may do now: what it is for, and the command line.
    pub commands: Vec<(&'static str, String)>,
    /// Index of its record in the log.
    pub index: Option<u64>,
}

impl Service {
    /// Tells people. Returns when the message is in the outbox of each channel that takes alarms, and waits for no channel.
    pub async fn alarm(&self, alarm: &Alarm) {
        self.response.shared.delivery.raise(alarm).await;
    }
}

impl Delivery {
    pub(super) async fn raise(&self, alarm: &Alarm) {
        let key = format!("alarm {} {}", alarm.event, alarm.about);
        let now_ms = self.now_ms();
        let (told, text) = self.take(&key, |id| notices::of_alarm(alarm, id, now_ms)).await;
        tracing::warn!(event = alarm.event, told, outcome = text, "alarm");
    }
}

/// Tells people when records cannot be written any more, however that came. Does not end.
pub(super) async fn follow_journal(delivery: Arc<Delivery>) {
    loop {
        delivery.journal().broken().await;
        delivery.raise(&recorder_down()).await;
    }
}

fn recorder_down() -> Alarm {
    Alarm {
        event: FailMode::RecorderDown.as_str(),
        about: String::new(),
        level: Level::Critical,
        title: "records cannot be written: every action that needs one is refused".into(),
        facts: vec![
            (
                "why",
                "a write to the log or to the keys of its records failed; the service's own messages have the cause"
                    .into(),
            ),
            (
                "what to do",
                "look at the disk of the data directory; keep the log as it is; then start the service again".into(),
            ),
        ],
        commands: vec![("check the log as it is on the disk", "holdshort log verify".into())],
        index: None,
    }
}

/// What people are told of the room on the log's disk. `state`: its name; `refuses`: whether actions are refused for it.
pub(crate) fn log_space(state: &str, refuses: bool, free: Option<u64>, index: Option<u64>) -> Alarm {
    let (event, level, title) = match (refuses, state) {
        (true, _) => (
            FailMode::RecorderFull.as_str(),
            Level::Critical,
            "the disk of the log is nearly full: every action is refused",
        ),
        (false, "enough") => ("log-space", Level::Low, "the disk of the log has room again"),
        (false, _) => ("log-space", Level::High, "the disk of the log has no room for the next segment"),
    };
    let mut facts = Vec::new();
    if let Some(free) = free {
        facts.push(("free", format!("{free} bytes")));
    }
    if state != "enough" {
        facts.push(("what to do", "make room on this disk; the service goes on by itself then".into()));
    }
    let about = state.to_owned();
    Alarm { event, about, level, title: title.into(), facts, commands: Vec::new(), index }
}
