//! What people are told of an export: that it does not catch up, that it does again, and which records never arrived.

use super::State;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Records that were left out are told of at once, and then at most so often.
const TELL_EVERY: Duration = Duration::from_secs(3_600);

/// Something that people should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// It did not catch up with the log for so long.
    Late {
        /// Since when it has not, in seconds.
        seconds: u64,
        /// The next record.
        next: u64,
        /// What failed last; none when it is only slow.
        error: Option<String>,
    },
    /// It caught up again.
    CaughtUp {
        /// How long it had not, in seconds.
        seconds: u64,
    },
    /// The receiver refused records for good.
    Refused {
        /// How many since this was told last.
        records: u64,
    },
    /// The log dropped records before they were exported.
    Lost {
        /// How many.
        records: u64,
    },
}

/// Is told, with the name of the export. It must not wait.
pub type Listener = Arc<dyn Fn(&str, Alarm) + Send + Sync>;

pub(super) struct Alarms {
    name: String,
    late_after: Duration,
    listener: Listener,
    /// When it had caught up last.
    well: Instant,
    late: bool,
    left_out: u64,
    told: Option<Instant>,
}

impl Alarms {
    pub(super) fn new(name: String, late_after: Duration, listener: Listener) -> Self {
        Self { name, late_after, listener, well: Instant::now(), late: false, left_out: 0, told: None }
    }

    /// How long until somebody has to be told; none when that is done.
    pub(super) fn due(&self) -> Option<Duration> {
        (!self.late).then(|| self.late_after.saturating_sub(self.well.elapsed()))
    }

    /// Looks whether it is behind for too long.
    pub(super) fn look(&mut self, behind: bool, state: &State) {
        let (elapsed, export) = (self.well.elapsed(), self.name.as_str());
        let seconds = elapsed.as_secs();
        match (behind, self.late) {
            (true, false) if elapsed >= self.late_after => {
                self.late = true;
                let error = state.error.clone();
                tracing::error!(export, seconds, error, next = state.next, "export does not catch up");
                self.tell(Alarm::Late { seconds, next: state.next, error });
            }
            (false, late) => {
                self.well = Instant::now();
                self.late = false;
                if late {
                    tracing::info!(export, seconds, "export caught up");
                    self.tell(Alarm::CaughtUp { seconds });
                }
            }
            _ => {}
        }
        self.tell_left_out();
    }

    pub(super) fn left_out(&mut self, records: u64) {
        self.left_out += records;
        self.tell_left_out();
    }

    pub(super) fn lost(&self, records: u64) {
        self.tell(Alarm::Lost { records });
    }

    // What is told goes on record, is exported as well, and may be refused like everything else: not in a circle.
    fn tell_left_out(&mut self) {
        if self.left_out > 0 && self.told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            self.told = Some(Instant::now());
            let records = std::mem::take(&mut self.left_out);
            self.tell(Alarm::Refused { records });
        }
    }

    fn tell(&self, alarm: Alarm) {
        (self.listener)(&self.name, alarm);
    }
}
