//! `/v1/events`: decisions as they become durable, as server-sent events (WHATWG HTML, section 9.2).

use super::App;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{Stream, unfold};
use holdshort_api::DecisionEvent;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::watch;

/// A listener that falls behind gets an event `lagged` with the number of decisions that it missed; the log has them.
pub(crate) async fn stream(State(app): State<Arc<App>>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let source = (app.service.events(), app.closing.clone());
    Sse::new(unfold(source, next)).keep_alive(KeepAlive::default())
}

type Source = (broadcast::Receiver<Arc<DecisionEvent>>, watch::Receiver<bool>);

async fn next((mut events, mut closing): Source) -> Option<(Result<Event, Infallible>, Source)> {
    let received = tokio::select! {
        _ = closing.wait_for(|closing| *closing) => return None,
        received = events.recv() => received,
    };
    let event = match received {
        Ok(decision) => Event::default()
            .event("decision")
            .id(decision.index.to_string())
            .data(serde_json::to_string(&*decision).unwrap_or_default()),
        Err(RecvError::Lagged(missed)) => Event::default().event("lagged").data(missed.to_string()),
        Err(RecvError::Closed) => return None,
    };
    Some((Ok(event), (events, closing)))
}
