//! Why there is no answer, or no good one.

use holdshort_api::{ErrorBody, code};

/// A request that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody is there.
    #[error("cannot reach the service at `{place}`: {cause}; start it with `holdshort serve`, or look at its log")]
    Unreachable {
        /// Address or path.
        place: String,
        /// What went wrong on the way.
        cause: String,
    },
    /// No answer in time.
    #[error("the service at `{place}` did not answer within {timeout_ms} ms; it may be overloaded, look at its log")]
    Late {
        /// Address or path.
        place: String,
        /// How long was waited, in milliseconds.
        timeout_ms: u64,
    },
    /// The service refuses.
    #[error("{}{}", .error.message, hint(.error))]
    Refused {
        /// HTTP status.
        status: u16,
        /// What the service says.
        error: ErrorBody,
    },
    /// The answer is not what the contract says.
    #[error(
        "the service at `{place}` answered something else than this version expects: {what}; is it of the same version?"
    )]
    Garbage {
        /// Address or path.
        place: String,
        /// What is wrong with it.
        what: String,
    },
    /// The question cannot be sent.
    #[error("the request cannot be sent: {0}")]
    Unsendable(String),
}

impl ClientError {
    /// Whether the service was never reached or did not answer.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Late { .. })
    }

    /// Whether the service says that there is no such thing.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { error, .. } if error.code == code::NOT_FOUND)
    }
}

fn hint(error: &ErrorBody) -> String {
    error.hint.as_ref().map_or_else(String::new, |hint| format!("; {hint}"))
}
