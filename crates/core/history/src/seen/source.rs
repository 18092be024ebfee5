//! Where something was read, and what is known of the place.

use holdshort_model::{Reach, SourceKind};

/// Where something was read.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) id: Box<str>,
    pub(crate) reach: Reach,
    pub(crate) trusted: bool,
    pub(crate) kind: SourceKind,
    /// Somebody else wrote all of it: a page, a file.
    pub(crate) content: bool,
    /// The fields that may say where something goes, where somebody declared them.
    pub(super) fields: Option<Fields>,
    /// How many of its records the request singles out.
    pub(super) meant: u32,
    /// It only says that a change was made.
    pub(super) acknowledges: bool,
    /// How many different addresses of each kind it holds: in all, in typed fields, and in records that the request
    /// singles out.
    pub(super) addresses: [Addresses; 4],
}

/// Declared fields of an output.
#[derive(Clone, Debug)]
pub(crate) struct Fields {
    pub(crate) names: Vec<String>,
    /// Only addresses are bound to them: a schema gives formats to those.
    pub(crate) addresses_only: bool,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Addresses {
    pub(super) all: u32,
    pub(super) typed: u32,
    pub(super) meant: u32,
}

impl Source {
    /// The answer of an action that changed something and reads nothing.
    pub(crate) fn acknowledging(self, acknowledges: bool) -> Self {
        Self { acknowledges, ..self }
    }

    /// With what is declared of its fields.
    pub(crate) fn with_fields(self, fields: Option<Fields>) -> Self {
        Self { fields, ..self }
    }

    /// The same as the agent's own words: nothing in it is a field, and the request does not lead to it.
    pub(crate) fn claimed(self) -> Self {
        Self { reach: Reach::Elsewhere, trusted: false, content: true, ..self }
    }

    /// A source of which nothing was read yet.
    pub(crate) fn new(id: &str, kind: SourceKind, reach: Reach, trusted: bool, content: bool) -> Self {
        Self {
            id: id.into(),
            reach,
            trusted,
            kind,
            content,
            acknowledges: false,
            fields: None,
            meant: 0,
            addresses: [Addresses::default(); 4],
        }
    }
}
