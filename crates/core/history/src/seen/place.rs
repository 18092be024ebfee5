//! The places of values.

use holdshort_model::Character;

/// One place of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) source: u16,
    pub(crate) length: u16,
    pub(crate) at: u32,
    pub(crate) character: Character,
    /// The value is all of what a serialiser wrote there.
    pub(crate) typed: bool,
    pub(crate) decoded: bool,
    /// Something else in its record is what the person said.
    pub(crate) meant: bool,
}

/// The places of a value: mostly one.
#[derive(Clone, Debug)]
pub(super) enum Places {
    One(Place),
    #[expect(clippy::box_collection, reason = "a vector here would double what every value takes")]
    Several(Box<Vec<Place>>),
}

impl Places {
    pub(super) fn as_slice(&self) -> &[Place] {
        match self {
            Self::One(place) => std::slice::from_ref(place),
            Self::Several(places) => places,
        }
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [Place] {
        match self {
            Self::One(place) => std::slice::from_mut(place),
            Self::Several(places) => places,
        }
    }

    pub(super) fn push(&mut self, place: Place) {
        match self {
            Self::One(first) => *self = Self::Several(Box::new(vec![*first, place])),
            Self::Several(places) => places.push(place),
        }
    }
}
