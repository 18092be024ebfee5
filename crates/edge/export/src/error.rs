//! What can be wrong with a target, and how sending fails.

use holdshort_notify::{SendError, TargetError};
use std::path::PathBuf;

/// An export that cannot be right.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The target.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The format does not go there.
    #[error("`{format}` goes to {known}, not to {to}")]
    Combination {
        /// The format.
        format: &'static str,
        /// What was asked for.
        to: &'static str,
        /// Where it can go.
        known: &'static str,
    },
    /// Clear text to another host.
    #[error("records would go to another host in clear text; use `tls://`, or set `insecure = true`")]
    ClearText,
    /// A token that no header can carry.
    #[error("the token is empty or has characters that no header can carry")]
    Token,
    /// A path that is none.
    #[error("`{}` has no file name", .0.display())]
    Path(PathBuf),
}

/// Items that were not taken. Nothing of what the other side said is in it but numbers, and what Splunk calls its faults.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// Not now.
    #[error("{error}")]
    Later {
        /// In which way, in words.
        error: String,
        /// When the other side wants to be asked again, in seconds.
        retry_after_s: Option<u64>,
    },
    /// Not in time: perhaps they were too many.
    #[error("did not answer in time")]
    Late,
    /// Not these, whenever: the other side says that they are wrong.
    #[error("refused with {status}{detail}")]
    Refused {
        /// Its status.
        status: u16,
        /// What it calls the fault; empty when it does not say.
        detail: String,
    },
}

impl From<SendError> for Failed {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Late => Self::Late,
            other => Self::Later { error: other.to_string(), retry_after_s: None },
        }
    }
}
