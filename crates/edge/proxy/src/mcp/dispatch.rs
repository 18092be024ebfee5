//! One message of a client, to wherever it belongs. Fronts call nothing else of a session.

use super::bridge;
use super::catalog;
use super::federation;
use super::guard::Refused;
use super::intent;
use super::listen;
use super::session::{Core, Era, Out};
use bytes::Bytes;
use holdshort_model::Standing;
use holdshort_wire::mcp::{Id, Kind, Message, code};
use http::StatusCode;
use std::sync::Arc;

/// Methods of the session era that 2026-07-28 has not.
const GONE: [&str; 7] = [
    "initialize",
    "ping",
    "logging/setLevel",
    "resources/subscribe",
    "resources/unsubscribe",
    "tasks/list",
    "tasks/result",
];

/// The answer to a request: bytes for the client, and the HTTP status where the transport has one.
pub(crate) struct Answer {
    pub(crate) bytes: Bytes,
    pub(crate) status: StatusCode,
    /// True when the request ended well; fronts open sessions only then.
    pub(crate) ok: bool,
}

impl Core {
    /// Answers one request. There always is an answer.
    pub(crate) async fn request(self: &Arc<Self>, message: Message, out: &Out) -> Answer {
        self.touch();
        let (method, id) = (message.method().to_owned(), message.id().cloned());
        let answered = match self.take_up(message).and_then(|message| Ok(intent::take(message)?)) {
            Ok((message, intent)) => {
                self.guard.note_intent(intent);
                self.answer(message, out).await
            }
            Err(refused) => Err(refused),
        };
        let answered = match (answered, &id) {
            (Err(refused), Some(id)) if refused.by_policy() => self.emptied(&method, id).await.ok_or(refused),
            (answered, _) => answered,
        };
        match answered {
            Ok(response) => Answer {
                status: if self.era == Era::Stateless { status_of(&response) } else { StatusCode::OK },
                ok: matches!(response.kind(), Kind::Result(_)),
                bytes: response.raw().clone(),
            },
            Err(refused) => {
                let bytes = match &id {
                    Some(id) => self.guard.render(&refused, id, &method),
                    None => refused.error(None),
                };
                // Clients of the session era take any 404 for the end of the session. One of several upstreams that is
                // over must not end what the client has at the others.
                let gone = refused.status == StatusCode::NOT_FOUND && refused.code() == code::INTERNAL;
                let told = if gone { !self.federated } else { self.era == Era::Stateless };
                let status = if told { refused.status } else { StatusCode::OK };
                Answer { bytes, status, ok: false }
            }
        }
    }

    async fn answer(self: &Arc<Self>, message: Message, out: &Out) -> Result<Message, Refused> {
        match (self.era, message.method()) {
            (Era::Stateless, gone) if GONE.contains(&gone) => Err(Refused::not_found(gone)),
            (Era::Session, "initialize") => bridge::initialize(self, message, out).await,
            _ if self.federated => federation::request(self, message, out).await,
            (Era::Stateless, "subscriptions/listen") if self.bridges().await => {
                listen::listen(self, &message, out).await
            }
            _ => self.call(0, message, out).await,
        }
    }

    /// The list of an agent from which everything was taken: nothing is in it. The attempt is on record as refused.
    async fn emptied(&self, method: &str, id: &Id) -> Option<Message> {
        let list = catalog::list_method(method)?;
        let left = self.guard.standing().await.ok()?;
        if left.standing < Standing::Isolated {
            return None;
        }
        let stateless = match self.era {
            Era::Session => "",
            Era::Stateless => ",\"resultType\":\"complete\",\"ttlMs\":0,\"cacheScope\":\"private\"",
        };
        Message::result(id, &format!("{{\"{}\":[]{stateless}}}", list.key)).ok()
    }

    /// True when a stateless client is served from an upstream of the session era.
    async fn bridges(self: &Arc<Self>) -> bool {
        let _ = bridge::greet(self, 0).await;
        self.route(0).is_ok_and(|route| route.era() == Era::Session)
    }

    /// Takes a notification or a response of the client.
    pub(crate) async fn tell(self: &Arc<Self>, message: Message) -> Result<(), Refused> {
        if let (Some(cut), Some(route)) = (self.cut(), self.routes.first()) {
            return Err(self.refuse(message, route.name(), cut.because()).await);
        }
        if message.is_response() {
            return self.client_response(message).await;
        }
        let (message, intent) = intent::take(message)?;
        self.guard.note_intent(intent);
        let initialized = message.method() == "notifications/initialized";
        let told = self.client_notification(message).await;
        if initialized {
            for (index, route) in self.routes.iter().enumerate() {
                if route.era() == Era::Stateless && self.era == Era::Session {
                    listen::follow_for_session(self, index, Default::default());
                }
            }
        }
        told
    }
}

/// The HTTP status that 2026-07-28 wants for a response.
fn status_of(response: &Message) -> StatusCode {
    if !matches!(response.kind(), Kind::Error(_)) {
        return StatusCode::OK;
    }
    let error = response.params().unwrap_or_default();
    match error.get("code").and_then(serde_json::Value::as_i64) {
        Some(code::METHOD_NOT_FOUND) => StatusCode::NOT_FOUND,
        Some(code::HEADER_MISMATCH | code::MISSING_CAPABILITY | code::UNSUPPORTED_VERSION) => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    }
}
