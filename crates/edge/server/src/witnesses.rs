//! What others say of the log: how far witnesses have cosigned it, and that one of them contradicts it.

use crate::Service;
use holdshort_api::WitnessesPage;
use holdshort_enforce::Fault;
use serde_json::Value;
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

    /// Puts on record that a witness holds another history of the log.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub async fn record_witness_conflict(&self, detail: Value) -> Result<(), Fault> {
        self.record("witness-conflict", detail).await
    }
}
