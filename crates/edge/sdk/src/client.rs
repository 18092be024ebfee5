//! The contract, one method a route.

use crate::error::ClientError;
use crate::transport::{Connector, Endpoint};
use bytes::Bytes;
use holdshort_api::{
    AcceptPin, AgentSummary, AgentsPage, ChannelTested, ChannelsPage, CloseIncident, Declassified, Declassify,
    DestinationSummary, DestinationsPage, ErrorAnswer, Health, IncidentsPage, IncidentsQuery, IssuedToken, NewAgent,
    NewDestination, NewStanding, NewToken, OutcomeReport, PinSummary, PinsPage, PoliciesAnswer, PolicyModeChange,
    PolicySummary, Readiness, RecordsPage, RecordsQuery, Release, Released, ReloadAnswer, SessionLabels, SessionsPage,
    StandingChange, StandingChanges, StandingPage, StandingQuestion, TokensPage, ToolsAnswer,
};
use holdshort_model::{
    AgentId, Digest, Incident, IncidentState, Outcome, RecordId, Request, Ruling, Seen, SessionId, StandingView,
    ToolsSeen,
};
use http::{Method, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Write as _;
use std::time::Duration;

/// Largest answer that is read: a full page of large records.
const ANSWER_BYTES_MAX: usize = 128 * 1024 * 1024;
/// Connections that are kept open while nothing is asked.
const IDLE_CONNECTIONS_MAX: usize = 32;
/// Time for one question and its answer when the caller does not say.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);

/// A client with its pool of connections. Cheap to clone.
///
/// A connection stays open for as long as the client lives: that is how a service in the background knows that it is
/// still needed.
#[derive(Clone)]
pub struct Client {
    pool: Pool<Connector, Full<Bytes>>,
    endpoint: Endpoint,
    authorization: Option<header::HeaderValue>,
    timeout: Duration,
}

impl Client {
    /// A client that sends this bearer token; over the unix socket none is needed. Opens nothing yet.
    ///
    /// # Errors
    /// When the token has characters that no token has.
    pub fn new(endpoint: Endpoint, token: Option<&str>) -> Result<Self, ClientError> {
        let authorization = token.map(|token| {
            let value = header::HeaderValue::try_from(format!("Bearer {token}"));
            let value = value.map_err(|_| ClientError::Unsendable("the token has characters that no token has".into()));
            value.map(|mut value| {
                value.set_sensitive(true);
                value
            })
        });
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(None)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .build(Connector(endpoint.clone()));
        Ok(Self { pool, endpoint, authorization: authorization.transpose()?, timeout: TIMEOUT_DEFAULT })
    }

    /// The same with another time for one question and its answer. Default: 30 s.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Where the service is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Asks for a decision. The record is durable when the answer is here.
    ///
    /// # Errors
    /// As every method: see [`ClientError`].
    pub async fn decide(&self, request: &Request) -> Result<Ruling, ClientError> {
        self.post("/v1/decide", request).await
    }

    /// Reports what came of an action, and what the agent gets to see of it. To be called before the agent sees it: its
    /// next action is weighed against it.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn report(&self, outcome: Outcome, seen: Option<Seen>) -> Result<(), ClientError> {
        let report = OutcomeReport::from((outcome, seen.map(Seen::bounded)));
        self.ask(Method::POST, "/v1/outcomes", Some(body(&report)?)).await.map(drop)
    }

    /// Shows tool definitions and asks which may be listed.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn inspect(&self, seen: &ToolsSeen) -> Result<ToolsAnswer, ClientError> {
        self.post("/v1/tools", seen).await
    }

    /// Whether the process runs.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn health(&self) -> Result<Health, ClientError> {
        self.get("/healthz").await
    }

    /// Whether decisions can be made and recorded now.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn readiness(&self) -> Result<Readiness, ClientError> {
        let (status, answer) = self.send(Method::GET, "/readyz", None).await?;
        match status {
            StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE => self.parse(&answer),
            _ => Err(self.refused(status, &answer)),
        }
    }

    /// A page of records.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn records(&self, query: &RecordsQuery) -> Result<RecordsPage, ClientError> {
        let fields = serde_json::to_value(query).unwrap_or_default();
        let pairs = fields.as_object().into_iter().flatten().map(|(name, value)| match value.as_str() {
            Some(text) => format!("{name}={}", escape(text)),
            None => format!("{name}={value}"),
        });
        let pairs: Vec<String> = pairs.collect();
        self.get(&format!("/v1/records?{}", pairs.join("&"))).await
    }

    /// Destinations that people approved.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn destinations(&self) -> Result<DestinationsPage, ClientError> {
        self.get("/v1/destinations").await
    }

    /// Remembers a destination.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn add_destination(&self, new: &NewDestination) -> Result<DestinationSummary, ClientError> {
        self.post("/v1/destinations", new).await
    }

    /// Promotes a policy, or puts it back.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn set_policy_mode(&self, name: &str, change: &PolicyModeChange) -> Result<PolicySummary, ClientError> {
        self.post(&format!("/v1/policies/{}/mode", escape(name)), change).await
    }

    /// Makes records unreadable for ever.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn erase(&self, wanted: &holdshort_api::NewErasure) -> Result<holdshort_api::Erased, ClientError> {
        self.post("/v1/erasures", wanted).await
    }

    /// Forgets a destination.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn forget_destination(&self, wanted: &NewDestination) -> Result<(), ClientError> {
        let NewDestination { agent, user, kind, value, .. } = wanted;
        let pairs = [("agent", agent.as_str()), ("user", user), ("kind", kind), ("value", value)];
        let pairs: Vec<String> = pairs.iter().map(|(name, text)| format!("{name}={}", escape(text))).collect();
        self.ask(Method::DELETE, &format!("/v1/destinations?{}", pairs.join("&")), None).await.map(drop)
    }

    /// Everything that was taken away.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn standings(&self) -> Result<StandingPage, ClientError> {
        self.get("/v1/standing").await
    }

    /// Takes something away. It holds when the answer is here.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn contain(&self, new: &NewStanding) -> Result<StandingChange, ClientError> {
        self.post("/v1/standing", new).await
    }

    /// Gives something back. The record is durable when the answer is here.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn release(&self, wanted: &Release) -> Result<Released, ClientError> {
        self.post("/v1/standing/release", wanted).await
    }

    /// What is left to a subject in a session.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn standing(&self, question: &StandingQuestion) -> Result<StandingView, ClientError> {
        self.post("/v1/standing/self", question).await
    }

    /// Waits until anybody's standing has changed since `seen` (0 at first); the number of now. The service waits up to
    /// 20 s, so the client's own time has to be longer.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn standing_changed(&self, seen: u64) -> Result<u64, ClientError> {
        let answer: StandingChanges = self.get(&format!("/v1/standing/changes?since={seen}")).await?;
        Ok(answer.number)
    }

    /// Live sessions.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn sessions(&self) -> Result<SessionsPage, ClientError> {
        self.get("/v1/sessions").await
    }

    /// What a live session carries.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn labels(&self, agent: &AgentId, session: &SessionId) -> Result<SessionLabels, ClientError> {
        self.get(&format!("/v1/sessions/{}/{}/labels", escape(agent.as_str()), escape(session.as_str()))).await
    }

    /// Lowers one label of a session. The record is durable when the answer is here.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn declassify(
        &self,
        agent: &AgentId,
        session: &SessionId,
        what: &Declassify,
    ) -> Result<Declassified, ClientError> {
        let path = format!("/v1/sessions/{}/{}/declassify", escape(agent.as_str()), escape(session.as_str()));
        self.post(&path, what).await
    }

    /// Registered agents.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn agents(&self) -> Result<AgentsPage, ClientError> {
        self.get("/v1/agents").await
    }

    /// Registers an agent.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn add_agent(&self, agent: &NewAgent) -> Result<AgentSummary, ClientError> {
        self.post("/v1/agents", agent).await
    }

    /// Removes an agent with its tokens.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn remove_agent(&self, agent: &AgentId) -> Result<(), ClientError> {
        let path = format!("/v1/agents/{}", escape(agent.as_str()));
        self.ask(Method::DELETE, &path, None).await.map(drop)
    }

    /// The tokens of an agent, without their secrets.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn tokens(&self, agent: &AgentId) -> Result<TokensPage, ClientError> {
        self.get(&format!("/v1/agents/{}/tokens", escape(agent.as_str()))).await
    }

    /// Makes a token. The answer is the only place where it stands in clear text.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn issue_token(&self, agent: &AgentId, token: &NewToken) -> Result<IssuedToken, ClientError> {
        self.post(&format!("/v1/agents/{}/tokens", escape(agent.as_str())), token).await
    }

    /// Revokes a token.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn revoke_token(&self, agent: &AgentId, hash: &Digest) -> Result<(), ClientError> {
        let path = format!("/v1/agents/{}/tokens/{hash}", escape(agent.as_str()));
        self.ask(Method::DELETE, &path, None).await.map(drop)
    }

    /// The policies in force.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn policies(&self) -> Result<PoliciesAnswer, ClientError> {
        self.get("/v1/policies").await
    }

    /// Loads policies, grants and settings again. A refused candidate is an answer, not an error.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn reload_policies(&self) -> Result<ReloadAnswer, ClientError> {
        let (status, answer) = self.send(Method::POST, "/v1/policies/reload", None).await?;
        match status {
            StatusCode::OK | StatusCode::UNPROCESSABLE_ENTITY => self.parse(&answer),
            _ => Err(self.refused(status, &answer)),
        }
    }

    /// Tool definitions that were seen.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn pins(&self) -> Result<PinsPage, ClientError> {
        self.get("/v1/pins").await
    }

    /// Pins the definition that a person looked at.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn accept_pin(&self, accept: &AcceptPin) -> Result<PinSummary, ClientError> {
        self.post("/v1/pins/accept", accept).await
    }

    /// Incidents, the newest first.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn incidents(&self, query: &IncidentsQuery) -> Result<IncidentsPage, ClientError> {
        let state = query.state.map(|state| match state {
            IncidentState::Open => "state=open".to_owned(),
            IncidentState::Closed => "state=closed".to_owned(),
        });
        let before = query.before.map(|id| format!("before={id}"));
        let pairs: Vec<String> = state.into_iter().chain(before).collect();
        self.get(&format!("/v1/incidents?{}", pairs.join("&"))).await
    }

    /// An incident with its timeline and evidence.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn incident(&self, id: RecordId) -> Result<Incident, ClientError> {
        self.get(&format!("/v1/incidents/{id}")).await
    }

    /// Closes an incident, with a reason, on record.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn close_incident(&self, id: RecordId, reason: &str) -> Result<Incident, ClientError> {
        self.post(&format!("/v1/incidents/{id}/close"), &CloseIncident { reason: reason.to_owned() }).await
    }

    /// The channels that people are told by, and how they do.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn channels(&self) -> Result<ChannelsPage, ClientError> {
        self.get("/v1/channels").await
    }

    /// Sends a test to a channel, at once and once.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn test_channel(&self, name: &str) -> Result<ChannelTested, ClientError> {
        self.parse(&self.ask(Method::POST, &format!("/v1/channels/{}/test", escape(name)), None).await?)
    }

    /// A file of the log, such as `checkpoint` or `tile/0/000`; `None` when there is none.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn log_file(&self, name: &str) -> Result<Option<Bytes>, ClientError> {
        let (status, answer) = self.send(Method::GET, &format!("/log/{name}"), None).await?;
        match status {
            StatusCode::OK => Ok(Some(answer)),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(self.refused(status, &answer)),
        }
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.parse(&self.ask(Method::GET, path, None).await?)
    }

    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        question: &impl Serialize,
    ) -> Result<T, ClientError> {
        self.parse(&self.ask(Method::POST, path, Some(body(question)?)).await?)
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, question: Option<Bytes>) -> Result<Bytes, ClientError> {
        let (status, answer) = self.send(method, path, question).await?;
        if status.is_success() { Ok(answer) } else { Err(self.refused(status, &answer)) }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        question: Option<Bytes>,
    ) -> Result<(StatusCode, Bytes), ClientError> {
        let uri = format!("http://{}{path}", self.endpoint.authority());
        let mut request = http::Request::builder().method(method).uri(uri);
        if question.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let request = request.body(Full::new(question.unwrap_or_default()));
        let request = request.map_err(|error| ClientError::Unsendable(error.to_string()))?;
        let exchange = async {
            let response = self.pool.request(request).await.map_err(|error| self.unreachable(&error))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| self.unreachable(&*error))?.to_bytes();
            Ok((head.status, body))
        };
        let timeout_ms = u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX);
        let late = || ClientError::Late { place: self.endpoint.to_string(), timeout_ms };
        tokio::time::timeout(self.timeout, exchange).await.unwrap_or_else(|_| Err(late()))
    }

    pub(crate) fn parse<T: DeserializeOwned>(&self, answer: &[u8]) -> Result<T, ClientError> {
        let garbage = |error: serde_json::Error| self.garbage(error.to_string());
        serde_json::from_slice(answer).map_err(garbage)
    }

    fn refused(&self, status: StatusCode, answer: &[u8]) -> ClientError {
        match serde_json::from_slice(answer) {
            Ok(ErrorAnswer { error }) => ClientError::Refused { status: status.as_u16(), error },
            Err(_) => self.garbage(format!("status {status} without an error of ours")),
        }
    }

    fn garbage(&self, what: String) -> ClientError {
        ClientError::Garbage { place: self.endpoint.to_string(), what }
    }

    // The innermost cause is the one that says something: "no such file", "connection refused".
    fn unreachable(&self, error: &(dyn std::error::Error + 'static)) -> ClientError {
        let mut cause = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        ClientError::Unreachable { place: self.endpoint.to_string(), cause: cause.to_string() }
    }
}

pub(crate) fn body(question: &impl Serialize) -> Result<Bytes, ClientError> {
    serde_json::to_vec(question).map(Bytes::from).map_err(|error| ClientError::Unsendable(error.to_string()))
}

/// Percent-encodes everything but the unreserved characters of RFC 3986.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => escaped.push(char::from(byte)),
            _ => drop(write!(escaped, "%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_cannot_change_the_path() {
        assert_eq!(escape("team/agent-1@x"), "team%2Fagent-1%40x");
        assert_eq!(escape("../?#\u{e9}"), "..%2F%3F%23%C3%A9");
    }
}
