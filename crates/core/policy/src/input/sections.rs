//! Which parts of the input document somebody reads: the others need not be made.

/// Fields of the document itself, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sections(u16);

/// The fields of the document.
const NAMES: [&str; 10] =
    ["subject", "action", "tool", "context", "labels", "provenance", "request", "history", "signals", "risk"];

impl Sections {
    /// The whole document.
    pub(crate) const ALL: Self = Self((1 << NAMES.len()) - 1);

    /// One field; the whole document for a name that is none, so that nothing is missing by mistake.
    pub(crate) fn named(name: &str) -> Self {
        NAMES.iter().position(|known| *known == name).map_or(Self::ALL, |at| Self(1 << at))
    }

    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn have(self, name: &str) -> bool {
        self.0 & Self::named(name).0 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::InputBuilder;
    use crate::input::tests::full;

    #[test]
    fn only_what_is_read_is_made() {
        let whole = serde_json::to_value(full()).unwrap();
        let fields = whole.as_object().unwrap();
        assert_eq!(fields.len(), NAMES.len());
        for (name, value) in fields {
            let built = InputBuilder::new().build(&full(), Sections::named(name)).to_json_str().unwrap();
            let built: serde_json::Value = serde_json::from_str(&built).unwrap();
            assert_eq!(built, serde_json::json!({ name: value }));
        }
        assert_eq!(Sections::named("acton"), Sections::ALL);
    }
}
