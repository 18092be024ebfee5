//! How far witnesses have cosigned the log.

use crate::Service;
use holdshort_api::WitnessesPage;
use tokio::sync::watch;

impl Service {
    /// Shows from now on what is known of witnesses. The first caller's counts.
    pub fn witnessed_by(&self, state: watch::Receiver<WitnessesPage>) {
        // A second one would be a mistake of the wiring, and the first is as good.
        let _ = self.witnesses.set(state);
    }

    /// How far witnesses have cosigned the log. Empty when nobody is asked.
    pub fn witnesses(&self) -> WitnessesPage {
        self.witnesses.get().map(|state| state.borrow().clone()).unwrap_or_default()
    }
}
