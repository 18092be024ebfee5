//! Where an exporter goes on after a start.

use super::run::Run;
use super::{Batching, Exporter, From, Source, SourceError, State};
use tokio::sync::watch;

/// Records before the cursor that are looked at, so that outcomes find their decisions.
const LOOK_BACK: u64 = 4_096;

impl<S: Source> Run<S> {
    /// Finds the place to begin. False when it is to end.
    pub(super) async fn begin(&mut self, ending: &mut watch::Receiver<bool>) -> bool {
        loop {
            match self.place() {
                Ok(state) => {
                    self.state = state;
                    self.look_back();
                    self.store();
                    return !*ending.borrow();
                }
                Err(error) => {
                    if !self.fail(&format!("log: {error}"), None, ending).await {
                        return false;
                    }
                }
            }
        }
    }

    fn place(&mut self) -> Result<State, SourceError> {
        let Exporter { name, source, cursor, from, .. } = &mut self.exporter;
        let (origin, size) = (source.origin(), source.size()?);
        let afresh = |why: &str| {
            tracing::warn!(export = name.as_str(), why, "exported from the beginning");
            State::new(origin.clone(), 0)
        };
        let state = match cursor.load() {
            Ok(Some(state)) => state,
            Ok(None) => {
                let next = match *from {
                    From::Start => 0,
                    From::Now => size,
                    From::Index(index) => index,
                };
                return Ok(State::new(origin.clone(), next));
            }
            // A cursor that is there says that something was sent; which, it does not say any more.
            Err(error) => return Ok(afresh(&error.to_string())),
        };
        if state.log != origin {
            return Ok(afresh("the cursor is of another log"));
        }
        if state.next > size && !state.leaf.is_empty() {
            return Ok(afresh("the log is shorter than what was exported of it: it was rolled back"));
        }
        let last = match state.next.checked_sub(1) {
            Some(last) if !state.leaf.is_empty() => source.read(last, 1, 1)?.events.into_iter().next(),
            _ => None,
        };
        match last {
            Some(event) if event.index + 1 == state.next && event.leaf_hex() != state.leaf => {
                Ok(afresh("the last exported record is another one now: the log was rewritten"))
            }
            Some(event) => {
                self.leaf = event.leaf;
                Ok(state)
            }
            None => Ok(state),
        }
    }

    // Best effort: an outcome whose decision is not found is exported without it.
    fn look_back(&mut self) {
        if !self.exporter.encoder.looks_back() {
            return;
        }
        let mut at = self.state.next.saturating_sub(LOOK_BACK);
        let Batching { records_max, bytes_max, .. } = self.exporter.batching;
        while at < self.state.next {
            let Ok(chunk) = self.exporter.source.read(at, records_max, bytes_max) else { return };
            for event in chunk.events.iter().filter(|event| event.index < self.state.next) {
                let _ = self.exporter.encoder.push(event);
            }
            if chunk.next <= at {
                return;
            }
            at = chunk.next;
        }
    }
}
