//! Typed ids: a session id cannot be passed where an agent id is meant.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

macro_rules! name {
    ($(#[$doc:meta])* $id:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $id(Arc<str>);

        impl $id {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl From<&str> for $id {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }
        impl From<String> for $id {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// An agent in the inventory. Given by the organisation, never taken from what an agent says of itself.
    AgentId
);
name!(
    /// One session: the actions that belong to one run or conversation of one agent.
    SessionId
);

/// Id of a decision and of its record: a ULID, so that ids sort by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordId(ulid::Ulid);

impl RecordId {
    /// Makes an id from a time (milliseconds since 1970) and 80 random bits; the caller supplies both.
    pub fn from_parts(time_ms: u64, random: u128) -> Self {
        Self(ulid::Ulid::from_parts(time_ms, random))
    }

    /// The id as 16 bytes, which sort as it does.
    pub fn to_bytes(&self) -> [u8; 16] {
        self.0.to_bytes()
    }

    /// The time in the id, in milliseconds since 1970.
    pub fn time_ms(&self) -> u64 {
        self.0.timestamp_ms()
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for RecordId {
    type Err = ulid::DecodeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}
