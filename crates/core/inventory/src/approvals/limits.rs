//! Bounds of asking.

use holdshort_model::Level;

/// How much may be asked, how long answers hold, and who has to give them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApprovalLimits {
    /// Most questions of one agent that may wait at once.
    pub pending_max: u32,
    /// Most new questions of one agent in an hour.
    pub per_hour_max: u32,
    /// How often one question may be repeated while it waits.
    pub repeats_max: u32,
    /// How long a question waits for its answer, in milliseconds.
    pub wait_ms: u64,
    /// How long an approval may be used after it was given, in milliseconds.
    pub use_ms: u64,
    /// Longest time for which an answer may be remembered, in milliseconds.
    pub remember_max_ms: u64,
    /// From this level on an approval needs a reason; `None` = none does.
    pub reason_from: Option<Level>,
    /// From this level on two people have to approve; `None` = one is always enough.
    pub second_person_from: Option<Level>,
}

impl Default for ApprovalLimits {
    fn default() -> Self {
        Self {
            pending_max: 20,
            per_hour_max: 60,
            repeats_max: 100,
            wait_ms: 3_600_000,
            use_ms: 900_000,
            remember_max_ms: 30 * 86_400_000,
            reason_from: Some(Level::High),
            second_person_from: Some(Level::Critical),
        }
    }
}
