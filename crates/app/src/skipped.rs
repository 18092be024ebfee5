//! Records that a report could not look into, because they are sealed.

use holdshort_store::records::{Content, LoggedRecord};
use serde::Serialize;

/// How many there were. Any of them may have been what was looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Skipped {
    /// Their keys were destroyed.
    pub(crate) erased: u64,
    /// Their keys are not at hand.
    pub(crate) closed: u64,
}

impl Skipped {
    /// Counts a record that cannot be read.
    pub(crate) fn add(&mut self, content: &Content) {
        match content {
            Content::Plain | Content::Opened(_) => {}
            Content::Erased => self.erased += 1,
            Content::Closed => self.closed += 1,
        }
    }

    /// Counts a record.
    pub(crate) fn look(&mut self, record: &LoggedRecord) {
        self.add(&record.content);
    }

    /// In words, when there is anything to say.
    pub(crate) fn line(&self) -> Option<String> {
        let one = |count: u64, what: &str| (count > 0).then(|| format!("{count} {what}"));
        let parts: Vec<String> = [one(self.erased, "erased"), one(self.closed, "sealed with keys that are not here")]
            .into_iter()
            .flatten()
            .collect();
        (!parts.is_empty()).then(|| format!("records that could not be read: {}", parts.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_be_read_is_counted() {
        let mut skipped = Skipped::default();
        for content in [Content::Plain, Content::Opened(vec![1]), Content::Erased, Content::Closed, Content::Closed] {
            assert_eq!(skipped.line().is_some(), skipped != Skipped::default());
            skipped.add(&content);
        }
        assert_eq!(skipped, Skipped { erased: 1, closed: 2 });
        let line = skipped.line().unwrap();
        assert!(line.ends_with("1 erased, 2 sealed with keys that are not here"), "{line}");
    }
}
