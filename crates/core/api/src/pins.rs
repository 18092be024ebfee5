//! `GET /v1/pins`, `POST /v1/pins/accept`, and the answer of `POST /v1/tools`.

use holdshort_model::{Digest, Pin, ToolListing};
use serde::{Deserialize, Serialize};

/// Answer of `POST /v1/tools`: one listing for each tool, in the order of the question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolsAnswer {
    /// The listings.
    pub tools: Vec<ToolListing>,
}

/// Tool definitions that were seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinsPage {
    /// The pins, ordered by server and tool.
    pub pins: Vec<PinSummary>,
}

/// What is known of one tool of one server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinSummary {
    /// Upstream server.
    pub server: String,
    /// Name of the tool on that server.
    pub tool: String,
    /// How the latest definition compares with the pinned one.
    pub pin: Pin,
    /// Digest of the trusted definition; absent while none was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<Digest>,
    /// Digest of the definition that the server gave last.
    pub latest: Digest,
    /// When the latest definition was first seen, in milliseconds since 1970.
    pub seen_ms: u64,
    /// The difference between both, one line for each JSON pointer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub difference: Vec<String>,
}

/// Accepts one definition. Names its digest, so that nobody accepts something else than what they looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptPin {
    /// Upstream server.
    pub server: String,
    /// Name of the tool.
    pub tool: String,
    /// Digest of the definition that is accepted.
    pub definition: Digest,
}
