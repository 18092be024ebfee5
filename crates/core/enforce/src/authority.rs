//! Whoever decides and records: the local decision point, or a remote one behind a socket.

use async_trait::async_trait;
use holdshort_model::{
    ApprovalState, FailMode, Outcome, RecordId, Request, Ruling, Seen, SessionId, StandingView, Subject, ToolListing,
    ToolsSeen,
};
use std::time::Duration;

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

    /// How an approval stands. While it is pending, waits at most `wait` for that to change.
    ///
    /// # Errors
    /// When the answer cannot be had, or there is no such approval of this subject.
    async fn approval(&self, subject: &Subject, id: RecordId, wait: Duration) -> Result<ApprovalState, Fault>;

    /// What is left to a subject in a session.
    ///
    /// # Errors
    /// When the answer cannot be had. Whoever asks then treats the subject as isolated.
    async fn standing(&self, subject: &Subject, session: &SessionId) -> Result<StandingView, Fault>;

    /// Waits until anybody's standing has changed since `seen`, a number that this gave before (0 at first), and gives
    /// the number of now. May return early with the same number.
    ///
    /// # Errors
    /// When it cannot be waited for.
    async fn standing_changed(&self, seen: u64) -> Result<u64, Fault>;
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
