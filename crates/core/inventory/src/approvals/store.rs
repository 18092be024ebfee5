//! What a store has to do for approvals. One suite for all of them: [`super::check_approval_store`].

use crate::StoreError;
use holdshort_model::{Approval, ApprovalState, Exception, RecordId};

/// Everything that is kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kept {
    /// Approvals, by id.
    pub approvals: Vec<Approval>,
    /// Exceptions, by id, revoked ones included.
    pub exceptions: Vec<Exception>,
    /// The highest time that was ever written, in milliseconds since 1970.
    pub high_ms: u64,
}

/// A change of what is kept.
#[derive(Clone, Debug, PartialEq)]
pub enum ApprovalChange {
    /// A new approval, or one in another state.
    Put {
        /// The state that it has to have for this; `None` = there must not be one yet.
        from: Option<ApprovalState>,
        /// What it is afterwards.
        to: Box<Approval>,
    },
    /// A new exception. There must not be one with this id.
    Remember(Box<Exception>),
    /// Nothing is covered by this exception any more.
    Revoke(RecordId),
    /// An approval that is over is not kept any longer.
    Forget(RecordId),
    /// An exception that is over is not kept any longer.
    ForgetException(RecordId),
}

/// Approvals and exceptions. Every method is atomic and durable when it returns.
pub trait ApprovalStore {
    /// Everything that is kept.
    ///
    /// # Errors
    /// When the store fails or is damaged.
    fn approvals(&self) -> Result<Kept, StoreError>;

    /// Makes the changes in their order, and says of each whether it was made: one that does not find what it expects
    /// changes nothing, and the others are made. `high_ms` is kept when it is higher than what is kept.
    ///
    /// # Errors
    /// When the store fails; then none of them is made.
    fn change_approvals(&self, changes: &[ApprovalChange], high_ms: u64) -> Result<Vec<bool>, StoreError>;
}
