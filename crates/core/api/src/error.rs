//! The one shape of an error answer.

use serde::{Deserialize, Serialize};

/// Stable error codes that are not the name of a fail mode (`holdshort_model::FailMode`).
pub mod code {
    /// The body or a parameter is not what the contract says. Status 400.
    pub const BAD_REQUEST: &str = "bad-request";
    /// No credential, or a wrong one. Status 401.
    pub const UNAUTHORIZED: &str = "unauthorized";
    /// The credential is good, and does not cover this. Status 403.
    pub const FORBIDDEN: &str = "forbidden";
    /// The `Host` or `Origin` header names a place that this service does not serve. Status 403.
    pub const FOREIGN_ORIGIN: &str = "foreign-origin";
    /// There is no such route or thing. Status 404.
    pub const NOT_FOUND: &str = "not-found";
    /// The route exists, with other methods. Status 405.
    pub const METHOD: &str = "method-not-allowed";
    /// It exists already, or it changed meanwhile. Status 409.
    pub const CONFLICT: &str = "conflict";
    /// The body has another media type than `application/json`. Status 415.
    pub const MEDIA_TYPE: &str = "unsupported-media-type";
    /// A policy candidate was refused; the last good one stays. Status 422.
    pub const REFUSED: &str = "refused";
    /// The state cannot be read or written. Status 503.
    pub const STATE_DOWN: &str = "state-down";
    /// Our fault. Status 500.
    pub const INTERNAL: &str = "internal";
}

/// The body of every answer that is not a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorAnswer {
    /// What went wrong.
    pub error: ErrorBody,
}

/// What went wrong, in stable and in readable words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// One of [`code`] or the name of a fail mode, such as `recorder-down`. Stable.
    pub code: String,
    /// For a person. Lower case, without secrets.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}
