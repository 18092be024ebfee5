//! From a message to a permit: asks the gate, renders refusals, reports outcomes.

use super::approval::{Checked, with_arguments};
use super::config::RefusalStyle;
use holdshort_enforce::{Fault, Gate, Permitted, Received, Refusal, Suspended, Verdict};
use holdshort_model::{
    Action, ActionKind, ApprovalState, Context, Digest, Effect, FailMode, Outcome, OutcomeStatus, Reason, RecordId,
    Request, Seen, SessionId, StandingView, Subject, ToolDefinition, ToolListing, ToolsSeen,
};
use holdshort_wire::mcp::{Direction, Id, Kind, Meaning, Message, MessageError, code};
use serde_json::{Value, json};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Reasons in the text of a refusal; all of them are in its data.
const REASONS_TOLD_MAX: usize = 6;

/// Everything that one session's messages have in common when the gate is asked.
pub(crate) struct Guard {
    gate: Gate,
    subject: Mutex<Subject>,
    session: SessionId,
    enforcement_point: &'static str,
    workspace: Option<String>,
    intent: Mutex<Option<String>>,
    believes_meta: bool,
    refusal: RefusalStyle,
}

/// What is known of the circumstances of every action.
#[derive(Clone, Debug, Default)]
pub(crate) struct Surroundings {
    /// Folder that the agent works in.
    pub(crate) workspace: Option<String>,
    /// The person's request.
    pub(crate) intent: Option<String>,
    /// Whether the client's word for the person's request counts.
    pub(crate) believes_meta: bool,
}

/// A message that is not forwarded, as it is told to whoever sent it.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    code: i64,
    message: String,
    data: Option<Value>,
    /// The HTTP status that fits where the transport has one.
    pub(crate) status: http::StatusCode,
    by_policy: bool,
    /// A result that is no refusal: the client is to call again.
    result: Option<Value>,
}

/// A permitted action under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Running {
    decision: RecordId,
    started: Instant,
}

impl Running {
    /// The decision that permitted it.
    pub(crate) fn decision(&self) -> RecordId {
        self.decision
    }
}

impl Guard {
    pub(crate) fn new(
        gate: Gate,
        subject: Subject,
        session: SessionId,
        enforcement_point: &'static str,
        surroundings: Surroundings,
        refusal: RefusalStyle,
    ) -> Self {
        let Surroundings { workspace, intent, believes_meta } = surroundings;
        let (subject, intent) = (Mutex::new(subject), Mutex::new(intent));
        Self { gate, subject, session, enforcement_point, workspace, intent, believes_meta, refusal }
    }

    pub(crate) fn subject(&self) -> Subject {
        self.subject.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes what the client says of itself. The first word stands: a client cannot change it half-way.
    pub(crate) fn note_claims(&self, (name, version): (Option<String>, Option<String>)) {
        let mut subject = self.subject.lock().unwrap_or_else(PoisonError::into_inner);
        let claims = &mut subject.claims;
        claims.name = claims.name.take().or(name);
        claims.version = claims.version.take().or(version);
    }

    /// Notes the person's request as the client relays it, if its word counts. It stands until the next one: that an
    /// action comes without it does not mean that the person asked for nothing.
    pub(crate) fn note_intent(&self, intent: Option<String>) {
        if let Some(text) = intent.filter(|_| self.believes_meta) {
            *self.intent.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
        }
    }

    /// Asks the gate about a message in its final form. `server` is the upstream that it goes to or comes from.
    pub(crate) async fn check(
        &self,
        message: Message,
        server: &str,
        direction: Direction,
    ) -> Result<(Permitted<Message>, Running), Refused> {
        let (meaning, meta) = match message.meaning(direction) {
            Ok(read) => read,
            Err(what) => {
                return Err(self.record_fault(message, FailMode::Unparseable, what, code::INVALID_PARAMS).await);
            }
        };
        let mut request = self.request(meaning, Some(server), message.id());
        request.context.trace = meta.trace;
        self.ask(request, message).await
    }

    /// The same for a call that can wait for a person.
    pub(crate) async fn check_call(&self, message: Message, server: &str) -> Result<Checked, Refused> {
        let (meaning, meta) = match message.meaning(Direction::ToServer) {
            Ok(read) => read,
            Err(what) => {
                return Err(self.record_fault(message, FailMode::Unparseable, what, code::INVALID_PARAMS).await);
            }
        };
        let mut request = self.request(meaning, Some(server), message.id());
        request.context.trace = meta.trace;
        let received = Received::new(request, message).rewritten_by(with_arguments);
        verdict(self.gate.check(received).await)
    }

    /// Decides anew on a call whose approval was answered.
    pub(crate) async fn resume(&self, suspended: Box<Suspended<Message>>) -> Result<Checked, Refused> {
        verdict(self.gate.resume(suspended).await)
    }

    /// How the approval stands; waits at most `wait` for an answer.
    pub(crate) async fn wait(&self, suspended: &Suspended<Message>, wait: Duration) -> Result<ApprovalState, Refused> {
        self.gate.wait(suspended, wait).await.map_err(|fault| Refused::from(Refusal::from_fault(&fault)))
    }

    /// Asks about the answer that a client gives to a request of the server: it carries data out.
    pub(crate) async fn check_answer(
        &self,
        answer: Message,
        kind: ActionKind,
        method: &str,
        server: &str,
    ) -> Result<(Permitted<Message>, Running), Refused> {
        let body = holdshort_wire::json::strict(answer.body());
        let body = match body {
            Ok(body) => body,
            Err(error) => {
                let what = error.to_string();
                return Err(self.record_fault(answer, FailMode::Unparseable, what, code::INVALID_REQUEST).await);
            }
        };
        let args = match answer.kind() {
            Kind::Error(_) => json!({ "error": body }),
            _ => json!({ "result": body }),
        };
        let meaning = Meaning { kind, name: format!("{method}#answer"), args };
        let request = self.request(meaning, Some(server), answer.id());
        self.ask(request, answer).await
    }

    async fn ask(&self, request: Request, message: Message) -> Result<(Permitted<Message>, Running), Refused> {
        let checked = verdict(self.gate.check(Received::new(request, message)).await)?;
        checked.map_err(|suspended| Refused::from(suspended.refusal()))
    }

    /// Puts a message that cannot pass on record and gives the refusal back.
    pub(crate) async fn record_fault(&self, message: Message, mode: FailMode, what: String, code: i64) -> Refused {
        let name = if message.method().is_empty() { "response".to_owned() } else { message.method().to_owned() };
        let meaning = Meaning { kind: ActionKind::Unknown, name, args: json!({ "fault": what }) };
        let mut request = self.request(meaning, None, message.id());
        request.context.fault = Some(mode);
        self.refuse_bytes(request, message.raw().to_vec(), what, code).await
    }

    /// The same for bytes that are no message at all. At most 4 KiB of them take part in the digest.
    pub(crate) async fn record_garbage(&self, bytes: &[u8], mode: FailMode, what: String, code: i64) -> Refused {
        let meaning = Meaning { kind: ActionKind::Unknown, name: "unparseable".into(), args: json!({ "fault": what }) };
        let mut request = self.request(meaning, None, None);
        request.context.fault = Some(mode);
        let head = bytes.get(..bytes.len().min(4096)).unwrap_or_default().to_vec();
        self.refuse_bytes(request, head, what, code).await
    }

    async fn refuse_bytes(&self, request: Request, bytes: Vec<u8>, what: String, code: i64) -> Refused {
        let refused = Refused { status: http::StatusCode::BAD_REQUEST, ..Refused::new(code, what) };
        match self.gate.check(Received::new(request, bytes)).await {
            // INVARIANT: a decision point that permits a message that we could not read is not obeyed.
            Verdict::Permit(_) | Verdict::Suspend(_) => refused,
            Verdict::Refuse(refusal) if refusal.decision.is_none() => Refused::from(refusal),
            Verdict::Refuse(refusal) => {
                Refused { data: refusal.decision.map(|id| json!({ "decision": id.to_string() })), ..refused }
            }
        }
    }

    fn request(&self, meaning: Meaning, server: Option<&str>, id: Option<&Id>) -> Request {
        let action = Action {
            kind: meaning.kind,
            server: server.map(str::to_owned),
            name: meaning.name,
            args: meaning.args,
            digest: None,
        };
        let context = Context {
            intent: self.intent.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            workspace: self.workspace.clone(),
            enforcement_point: self.enforcement_point.to_owned(),
            trace: None,
            fault: None,
            rewritten_from: None,
            request_id: id.map(Id::to_string),
        };
        Request { subject: self.subject(), action, context, session: self.session.clone() }
    }

    /// Records how a permitted action ended without a result.
    pub(crate) async fn report(&self, running: &Running, status: OutcomeStatus, seen: Option<Seen>) {
        self.report_result(running, status, None, seen).await;
    }

    /// Records how a permitted action ended. INVARIANT: called before the agent gets to see it.
    pub(crate) async fn report_result(
        &self,
        running: &Running,
        status: OutcomeStatus,
        result: Option<&[u8]>,
        seen: Option<Seen>,
    ) {
        let outcome = Outcome {
            decision: running.decision,
            session: self.session.clone(),
            status,
            digest: result.map(Digest::of),
            bytes: result.map_or(0, |result| result.len() as u64),
            duration_us: u64::try_from(running.started.elapsed().as_micros()).unwrap_or(u64::MAX),
        };
        if let Err(fault) = self.gate.authority().report(outcome, seen).await {
            tracing::warn!(decision = %running.decision, %fault, "outcome not recorded");
        }
    }

    /// What is left to the agent in this session.
    pub(crate) async fn standing(&self) -> Result<StandingView, Fault> {
        self.gate.authority().standing(&self.subject(), &self.session).await
    }

    /// Compares listed definitions with their pins and says which may be shown.
    pub(crate) async fn inspect(
        &self,
        server: &str,
        kind: ActionKind,
        tools: Vec<ToolDefinition>,
    ) -> Result<Vec<ToolListing>, Refused> {
        let asked = tools.len();
        let (subject, session) = (self.subject(), self.session.clone());
        let seen = ToolsSeen { subject, session, server: server.to_owned(), kind, tools };
        match self.gate.authority().inspect(seen).await {
            Ok(listings) if listings.len() == asked => Ok(listings),
            Ok(_) => Err(Refused::internal("the decision service did not judge every definition")),
            Err(fault) => Err(Refused::from(Refusal::from_fault(&fault))),
        }
    }

    /// A refusal in the form that the client asked for.
    pub(crate) fn render(&self, refused: &Refused, id: &Id, method: &str) -> bytes::Bytes {
        if let Some(result) = &refused.result {
            return format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{result}}}").into();
        }
        if refused.by_policy && method == "tools/call" && self.refusal == RefusalStyle::Result {
            let mut text = refused.message.clone();
            if let Some(id) = refused.data.as_ref().and_then(|data| data.get("decision")).and_then(Value::as_str) {
                text = format!("{text}\nDecision: {id}");
            }
            let result = json!({
                "content": [{ "type": "text", "text": text }], "isError": true,
                "_meta": { "io.holdshort/refusal": refused.data },
            });
            return format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{result}}}").into();
        }
        Message::error(Some(id), refused.code, &refused.message, refused.data.as_ref())
    }
}

fn verdict(verdict: Verdict<Message>) -> Result<Checked, Refused> {
    match verdict {
        Verdict::Permit(permit) => {
            let running = Running { decision: permit.decision(), started: Instant::now() };
            Ok(Ok((permit, running)))
        }
        Verdict::Suspend(suspended) => Ok(Err(suspended)),
        Verdict::Refuse(refusal) => Err(Refused::from(refusal)),
    }
}

/// How a response counts in the record.
pub(crate) fn status_of(response: &Message) -> OutcomeStatus {
    if matches!(response.kind(), Kind::Error(_)) {
        return OutcomeStatus::Error;
    }
    let Ok(members) = holdshort_wire::json::members(response.body()) else { return OutcomeStatus::Ok };
    let member = |name: &str| members.iter().find(|(key, _)| key == name).map(|(_, value)| value.get());
    match (member("isError"), member("resultType")) {
        (_, Some("\"input_required\"")) => OutcomeStatus::InputRequired,
        (Some("true"), _) => OutcomeStatus::ToolError,
        _ => OutcomeStatus::Ok,
    }
}

impl Refused {
    pub(crate) fn new(code: i64, message: impl Into<String>) -> Self {
        let status = http::StatusCode::BAD_REQUEST;
        Self { code, message: message.into(), data: None, status, by_policy: false, result: None }
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self { status: http::StatusCode::OK, ..Self::new(code::INTERNAL, message) }
    }

    /// A method that does not exist in the era that the client speaks.
    pub(crate) fn not_found(method: &str) -> Self {
        let method: String = method.chars().take(80).collect();
        let status = http::StatusCode::NOT_FOUND;
        Self { status, ..Self::new(code::METHOD_NOT_FOUND, format!("method `{method}` is not known here")) }
    }

    /// The session at the upstream is over: over HTTP that is a 404, upon which clients start anew.
    pub(crate) fn session_gone(self) -> Self {
        Self { status: http::StatusCode::NOT_FOUND, ..self }
    }

    /// The same refusal, told inside a successful HTTP exchange: only so does it reach the model.
    pub(crate) fn in_band(self) -> Self {
        Self { status: http::StatusCode::OK, ..self }
    }

    /// Why an approval is of no use any more.
    pub(crate) fn after(state: ApprovalState, approval: RecordId) -> Self {
        let message = match state {
            ApprovalState::Refused => {
                "Holdshort: a person refused this. Do not try it again in another way; ask the person."
            }
            ApprovalState::Used => "Holdshort: this approval was used already. Another call needs another one.",
            _ => "Holdshort: nobody approved this in time. Make the call again to ask once more.",
        };
        let data = json!({ "approval": approval.to_string(), "state": state, "reasons": [], "retry": null });
        let status = http::StatusCode::OK;
        Self { data: Some(data), status, by_policy: true, ..Self::new(code::REFUSED, message) }
    }

    /// The same with a result in the place of the error.
    pub(crate) fn with_result(self, result: Value) -> Self {
        Self { result: Some(result), ..self }
    }

    /// The same with something added.
    pub(crate) fn but(self, more: &str) -> Self {
        Self { message: format!("{} {more}", self.message), ..self }
    }

    /// True when a policy refused, not a failure.
    pub(crate) fn by_policy(&self) -> bool {
        self.by_policy
    }

    pub(crate) fn with_data(self, data: Value) -> Self {
        Self { data: Some(data), ..self }
    }

    pub(crate) fn code(&self) -> i64 {
        self.code
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The JSON-RPC error, for whoever has no request id to answer to.
    pub(crate) fn error(&self, id: Option<&Id>) -> bytes::Bytes {
        Message::error(id, self.code, &self.message, self.data.as_ref())
    }
}

impl From<MessageError> for Refused {
    fn from(error: MessageError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let reasons: Vec<_> = refusal
            .reasons
            .iter()
            .map(|reason| json!({ "policy": reason.policy, "message": reason.message }))
            .collect();
        let lead = match (refusal.effect, refusal.approval) {
            (Effect::Ask, Some(id)) => format!(
                "Holdshort: a person has to approve this first (approval {id}). Once that is done, make exactly the same \
                 call again; a changed one is a new question. "
            ),
            (Effect::Ask, None) => "Holdshort: a person has to approve this first. ".to_owned(),
            _ => "Holdshort refused this. ".to_owned(),
        };
        let data = json!({
            "decision": refusal.decision.map(|id| id.to_string()),
            "reasons": reasons,
            "retry": matches!(refusal.effect, Effect::Ask).then_some("after-approval"),
            "approval": refusal.approval.map(|id| id.to_string()),
        });
        let message = format!("{lead}{}", told(&refusal.reasons));
        let status = http::StatusCode::OK;
        Self { code: code::REFUSED, message, data: Some(data), status, by_policy: true, result: None }
    }
}

/// Reasons as sentences; the rest of many is in the error's data.
fn told(reasons: &[Reason]) -> String {
    let (first, rest) = reasons.split_at(reasons.len().min(REASONS_TOLD_MAX));
    let sentences = first.iter().map(|reason| format!("{}.", reason.message.trim_end_matches('.')));
    let more = (!rest.is_empty()).then(|| format!("And {} more reasons.", rest.len()));
    sentences.chain(more).collect::<Vec<_>>().join(" ")
}
