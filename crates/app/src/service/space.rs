//! Follows the room on the log's disk: what changes goes on record, and to whoever asks whether the service is ready.

use holdshort_server::Service;
use holdshort_store::log::{Log, Space};
use serde_json::json;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// The task that follows; ends with this.
pub(crate) struct SpaceWatch(JoinHandle<()>);

impl Drop for SpaceWatch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl SpaceWatch {
    /// Begins to follow. What is the matter now is told at once.
    pub(crate) fn start(service: Arc<Service>, log: &Log, keep_free: u64) -> Self {
        let mut space = log.space();
        Self(tokio::spawn(async move {
            let mut told = "enough";
            loop {
                let now = *space.borrow_and_update();
                if now.as_str() != told {
                    told = now.as_str();
                    // With enough room nobody counts it.
                    let detail = match now.free() {
                        Some(free) => json!({ "free_bytes": free, "keep_free_bytes": keep_free }),
                        None => json!({ "keep_free_bytes": keep_free }),
                    };
                    service.log_space(told, matches!(now, Space::NearlyFull { .. }), detail).await;
                }
                if space.changed().await.is_err() {
                    return;
                }
            }
        }))
    }
}
