//! What an agent gets to see of the result of an action.

use serde::{Deserialize, Serialize};

/// Most text of one result that is looked at, in bytes: some 200,000 words, more than most models read at once.
pub const SEEN_BYTES_MAX: usize = 1 << 20;
/// Most parts of one result that are looked at.
pub const SEEN_PARTS_MAX: usize = 1_024;

/// What an agent gets to see of a result, part by part: text blocks, structured content as JSON text. Read by the state
/// of the session and kept nowhere else.
///
/// Made by [`Seen::of`] it is bounded; one that comes from outside is bounded by [`Seen::bounded`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// The parts, in their order.
    #[serde(default)]
    pub parts: Vec<String>,
    /// Something that the agent sees is not in the parts: it was too much, or it is no text.
    #[serde(default)]
    pub truncated: bool,
}

impl Seen {
    /// These parts, cut to the limits.
    pub fn of(parts: impl IntoIterator<Item = String>) -> Self {
        let mut seen = Self::default();
        let mut room = SEEN_BYTES_MAX;
        for mut part in parts {
            if seen.parts.len() >= SEEN_PARTS_MAX || room == 0 {
                seen.truncated = true;
                break;
            }
            if part.len() > room {
                let end = (0..=room).rev().find(|end| part.is_char_boundary(*end));
                part.truncate(end.unwrap_or_default());
                seen.truncated = true;
            }
            room -= part.len().min(room);
            seen.parts.push(part);
        }
        seen
    }

    /// The same, cut to the limits.
    #[must_use]
    pub fn bounded(self) -> Self {
        let truncated = self.truncated;
        let seen = Self::of(self.parts);
        Self { truncated: seen.truncated || truncated, ..seen }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_cut_and_said_to_be() {
        let small = Seen::of(["a".to_owned(), String::new(), "b".to_owned()]);
        assert_eq!((small.parts.len(), small.truncated), (3, false));
        let exact = Seen::of(["x".repeat(SEEN_BYTES_MAX)]);
        assert!(!exact.truncated);
        let cut = Seen::of(["x".repeat(SEEN_BYTES_MAX - 1), "\u{1f980}".to_owned(), "y".to_owned()]);
        let bytes: usize = cut.parts.iter().map(String::len).sum();
        assert!(cut.truncated && bytes <= SEEN_BYTES_MAX, "a character is never cut in two");
        let many = Seen::of((0..SEEN_PARTS_MAX + 1).map(|_| "x".to_owned()));
        assert!(many.truncated && many.parts.len() == SEEN_PARTS_MAX);
    }

    #[test]
    fn what_came_truncated_stays_so() {
        let seen = Seen { parts: vec!["x".into()], truncated: true };
        assert_eq!(seen.clone().bounded(), seen);
        let large = Seen { parts: vec!["x".repeat(SEEN_BYTES_MAX + 1)], truncated: false };
        assert!(large.bounded().truncated);
    }
}
