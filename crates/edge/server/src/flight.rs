//! A decision's record on its way to the log.

use crate::recorder::{Appending, RecorderError};
use crate::sessions::{Link, Session};
use holdshort_model::{Digest, Receipt};
use std::sync::Arc;

/// A record that was handed over. Its session learns how it ended, even when nobody waits for it any more: after the
/// deadline, or when the caller went away.
pub(crate) struct Flight {
    appending: Option<Appending>,
    place: Place,
}

#[derive(Clone)]
struct Place {
    session: Arc<Session>,
    link: Link,
    digest: Digest,
}

impl Flight {
    pub(crate) fn new(appending: Appending, session: Arc<Session>, link: Link, digest: Digest) -> Self {
        Self { appending: Some(appending), place: Place { session, link, digest } }
    }

    /// Waits until the record is durable, or can never be.
    pub(crate) async fn land(mut self) -> Result<Receipt, RecorderError> {
        let Some(appending) = self.appending.as_mut() else {
            return Err(RecorderError("the record was waited for twice".into()));
        };
        let result = appending.await;
        self.appending = None;
        self.place.settle(&result);
        result
    }
}

impl Place {
    fn settle(&self, result: &Result<Receipt, RecorderError>) {
        let mut chain = self.session.chain();
        match result {
            Ok(_) => chain.confirm(self.link, self.digest),
            Err(_) => chain.fail(self.link),
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let (Some(appending), place) = (self.appending.take(), self.place.clone()) else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { place.settle(&appending.await) });
        }
    }
}
