//! Messages that wait, of which only is left that something happened.

use super::{Outbox, OutboxEntry};
use crate::whose::{ERASED, Whose};
use holdshort_model::{Notice, NoticeAction, NoticeSubject, RecordId};

/// What is told instead.
const TITLE: &str = "something happened whose details were erased";

impl Outbox {
    /// Whether there is anything to erase.
    pub fn concerns(&self, whose: &Whose) -> bool {
        self.entries.values().any(|entry| is_theirs(entry, whose))
    }

    /// The messages that say nothing any more.
    pub fn erased(&self) -> impl Iterator<Item = &OutboxEntry> {
        self.entries.values().filter(|entry| entry.notice.title == TITLE)
    }

    /// Erases. Answers with the messages that changed: they are told all the same, so that nobody goes unnoticed by it.
    pub fn erase(&mut self, whose: &Whose) -> Vec<RecordId> {
        let mut changed = Vec::new();
        for entry in self.entries.values_mut() {
            if is_theirs(entry, whose) {
                // It had names in it. What comes next is told by itself.
                entry.key = format!("{ERASED} {}", entry.notice.id);
                blank(&mut entry.notice);
                changed.push(entry.notice.id);
            }
        }
        changed
    }
}

fn is_theirs(entry: &OutboxEntry, whose: &Whose) -> bool {
    let subject = &entry.notice.subject;
    let on_behalf = subject.delegation.iter().any(|agent| whose.is_agent(&agent.as_str().into()));
    entry.notice.title != TITLE && (whose.has(&subject.agent, &subject.session, subject.user.as_deref()) || on_behalf)
}

fn blank(notice: &mut Notice) {
    notice.title = TITLE.to_owned();
    notice.subject = NoticeSubject {
        agent: ERASED.into(),
        class: std::mem::take(&mut notice.subject.class),
        owner: None,
        user: None,
        delegation: Vec::new(),
        session: ERASED.into(),
    };
    notice.action = NoticeAction {
        kind: std::mem::take(&mut notice.action.kind),
        server: None,
        name: ERASED.to_owned(),
        effects: Vec::new(),
        destinations: Vec::new(),
    };
    notice.removed.clear();
    notice.reasons.clear();
    notice.parts.clear();
    notice.commands.clear();
}

#[cfg(test)]
mod tests {
    use crate::outbox::{Outbox, OutboxRules};
    use crate::response_conformance::notice;
    use crate::whose::Whose;
    use holdshort_model::ErasureKind;

    #[test]
    fn a_message_is_told_without_what_it_told() {
        let mut outbox = Outbox::new(OutboxRules::default(), []);
        let mut first = notice(1);
        (first.subject.agent, first.subject.session) = ("the-agent".into(), "the-session".into());
        first.subject.user = Some("ada-lovelace".into());
        first.commands = vec![("do it".into(), "holdshort release the-agent".into())];
        let other = notice(2);
        outbox.take("mail", "the-agent the-session", first.clone(), 1);
        outbox.take("mail", "other", other.clone(), 1);
        let whose = Whose::new(ErasureKind::User, "ada-lovelace", []);
        assert_eq!(outbox.erase(&whose), [first.id]);
        let entry = outbox.find(first.id).unwrap();
        let text = serde_json::to_string(entry).unwrap();
        for name in ["ada-lovelace", "the-agent", "the-session"] {
            assert!(!text.contains(name), "{text}");
        }
        assert_eq!((entry.notice.kind, entry.notice.level), (first.kind, first.level), "people are told all the same");
        assert_eq!(outbox.waiting("mail"), 2);
        assert_eq!(outbox.find(other.id).unwrap().notice, other);
        assert!(outbox.erase(&whose).is_empty());
    }
}
