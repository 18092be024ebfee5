//! Whoever decides and records: the local decision point, or a remote one behind a socket.

use async_trait::async_trait;
use holdshort_model::{FailMode, Outcome, Request, Ruling, Seen, ToolListing, ToolsSeen};

/// Decides and records. Implemented by the service in process and by the client of a remote service.
#[async_trait]
pub trait Authority: Send + Sync + 'static {
    /// Decides and makes the record durable, in this order, before it returns.
    ///
    /// # Errors
    /// When either is impossible. The action then does not run.
    async fn rule(&self, request: Request) -> Result<Ruling, Fault>;

    /// Records what came of a permitted action, and learns what the agent gets to see of it. Does not wait for
    /// durability. INVARIANT: called before the agent gets the result, so that its next action is weighed against it.
    ///
    /// # Errors
    /// When it cannot be taken in. The result was produced all the same; whoever hands it on says so in its own log.
    async fn report(&self, outcome: Outcome, seen: Option<Seen>) -> Result<(), Fault>;

    /// Compares tool definitions with their pins, records what is new or changed, and says which may be listed.
    /// Answers in the order of the question, one listing for each tool.
    ///
    /// # Errors
    /// When the answer cannot be had. Nothing is listed then.
    async fn inspect(&self, seen: ToolsSeen) -> Result<Vec<ToolListing>, Fault>;
}

/// A decision that could not be made or recorded.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}: {message}", mode.as_str())]
pub struct Fault {
    /// The named fail mode.
    pub mode: FailMode,
    /// What the agent and its person may know.
    pub message: String,
}

impl Fault {
    /// A fault with its fail mode and a message without secrets.
    pub fn new(mode: FailMode, message: impl Into<String>) -> Self {
        Self { mode, message: message.into() }
    }
}
