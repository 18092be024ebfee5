//! Questions inside results and answers inside retries (2026-07-28, multi round-trip requests).
//!
//! Where both sides are stateless they travel inside messages that are forwarded as they are. Each is an action of its
//! own all the same: what a policy says of sampling or elicitation must not depend on the era.

use super::guard::Refused;
use super::seen::of_question;
use super::session::Core;
use holdshort_model::{ActionKind, OutcomeStatus};
use holdshort_wire::json;
use holdshort_wire::mcp::{Direction, Kind, Message, code};
use serde_json::{Map, Value};

/// Questions of one result, or answers of one request, that are looked at; more is refused.
const ROUND_MAX: usize = 64;

impl Core {
    /// Asks the gate about each question that a result puts to the client.
    pub(crate) async fn check_questions(&self, server: &str, response: &Message) -> Result<(), Refused> {
        if !matches!(response.kind(), Kind::Result(_)) {
            return Ok(());
        }
        for question in members(response.body(), "inputRequests")?.values() {
            let method = question.get("method").and_then(Value::as_str).unwrap_or_default();
            let params = question.get("params").cloned().unwrap_or_else(|| Value::Object(Map::new()));
            let question = Message::request(&self.fresh_id(), method, &params)?;
            let (permit, running) = self.guard.check(question, server, Direction::ToClient).await?;
            self.guard.report(&running, OutcomeStatus::Sent, Some(of_question(permit.payload()))).await;
        }
        Ok(())
    }

    /// Asks the gate about each answer that a request carries to the server.
    pub(crate) async fn check_answers(&self, server: &str, request: &Message) -> Result<(), Refused> {
        for answer in members(request.body(), "inputResponses")?.values() {
            let (kind, method) = kind_of(answer);
            let message = Message::result(&self.fresh_id(), &answer.to_string())?;
            let (_permit, running) = self.guard.check_answer(message, kind, method, server).await?;
            self.guard.report(&running, OutcomeStatus::Sent, None).await;
        }
        Ok(())
    }
}

/// The members of one member of an object. Keys are compared as they are decoded, so that an escaped letter hides
/// nothing, and a key in another case is refused, since the other side may take it for this one.
fn members(object: &str, key: &str) -> Result<Map<String, Value>, Refused> {
    let invalid = |what: String| Refused::new(code::INVALID_PARAMS, what).in_band();
    let all = match json::members(object) {
        Ok(all) => all,
        Err(_) if !object.trim_start().starts_with('{') => return Ok(Map::new()),
        Err(error) => return Err(invalid(error.to_string())),
    };
    let Some((spelled, value)) = all.iter().find(|(name, _)| name.to_lowercase() == key.to_lowercase()) else {
        return Ok(Map::new());
    };
    match json::strict(value.get()) {
        Ok(Value::Object(members)) if spelled == key && members.len() <= ROUND_MAX => Ok(members),
        _ => Err(invalid(format!("`{key}` must be an object with at most {ROUND_MAX} members, in this spelling"))),
    }
}

/// What an answer answers, from its shape: the retry does not repeat the question.
fn kind_of(answer: &Value) -> (ActionKind, &'static str) {
    if answer.get("roots").is_some() {
        (ActionKind::RootsList, "roots/list")
    } else if answer.get("role").is_some() || answer.get("model").is_some() {
        (ActionKind::Sampling, "sampling/createMessage")
    } else {
        (ActionKind::Elicitation, "elicitation/create")
    }
}
