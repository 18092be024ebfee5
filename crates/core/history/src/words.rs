//! The words of a long text, so that asking for one costs the same in every text.

use crate::text;

/// Where the words of a text stand, in the order of the words. The text itself is the caller's, and the same each time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Index {
    runs: Vec<Run>,
}

/// Letters and digits with something else on both sides.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Run {
    at: u32,
    end: u32,
    /// Somewhere it stands as [`text::contains_word`] wants it.
    is_word: bool,
    /// Somewhere it stands as [`text::contains_part`] wants it.
    is_part: bool,
}

impl Index {
    /// Reads a folded text.
    pub(crate) fn read(folded: &str) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        let mut before = None;
        let mut rest = folded.char_indices().peekable();
        while let Some((at, c)) = rest.next() {
            if !c.is_alphanumeric() {
                before = Some(c);
                continue;
            }
            while rest.next_if(|(_, next)| next.is_alphanumeric()).is_some() {}
            let after = rest.peek().map(|(_, next)| *next);
            let end = rest.peek().map_or(folded.len(), |(end, _)| *end);
            let (Ok(at), Ok(end)) = (u32::try_from(at), u32::try_from(end)) else { break };
            let is_word = !before.is_some_and(text::joins_word_before) && !after.is_some_and(text::joins_word_after);
            let is_part = !before.is_some_and(text::joins_part) && !after.is_some_and(text::joins_part);
            runs.push(Run { at, end, is_word, is_part });
        }
        runs.sort_by(|one, other| one.text(folded).cmp(other.text(folded)));
        runs.dedup_by(|later, kept| {
            let same = later.text(folded) == kept.text(folded);
            if same {
                (kept.is_word, kept.is_part) = (kept.is_word | later.is_word, kept.is_part | later.is_part);
            }
            same
        });
        runs.shrink_to_fit();
        Self { runs }
    }

    /// As [`text::contains_word`].
    pub(crate) fn contains_word(&self, folded: &str, needle: &str) -> bool {
        self.look_up(folded, needle, |run| run.is_word, text::contains_word)
    }

    /// As [`text::contains_part`].
    pub(crate) fn contains_part(&self, folded: &str, needle: &str) -> bool {
        self.look_up(folded, needle, |run| run.is_part, text::contains_part)
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.runs.capacity() * size_of::<Run>()
    }

    // A word alone is in the index or nowhere. Of several the text has each, or it does not have them together.
    fn look_up(
        &self,
        folded: &str,
        needle: &str,
        stands: impl Fn(&Run) -> bool,
        scan: impl Fn(&str, &str) -> bool,
    ) -> bool {
        if !needle.is_empty() && needle.chars().all(char::is_alphanumeric) {
            return self.find(folded, needle).is_some_and(stands);
        }
        let mut words = needle.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.all(|word| self.find(folded, word).is_some()) && scan(folded, needle)
    }

    fn find(&self, folded: &str, word: &str) -> Option<&Run> {
        let at = self.runs.binary_search_by(|run| run.text(folded).cmp(word)).ok()?;
        self.runs.get(at)
    }
}

impl Run {
    fn text(self, folded: &str) -> &str {
        folded.get(self.at as usize..self.end as usize).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_says_what_a_scan_says(text in "[ab.@'/ \u{e9}-]{0,24}", needle in "[ab.@'/ \u{e9}-]{0,6}") {
            let index = Index::read(&text);
            prop_assert_eq!(index.contains_word(&text, &needle), text::contains_word(&text, &needle));
            prop_assert_eq!(index.contains_part(&text, &needle), text::contains_part(&text, &needle));
        }
    }
}
