//! Who calls: the holder of the administrator's token, the operating system's user, or an agent with its token.

use super::App;
use super::problem::Problem;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use holdshort_api::code;
use holdshort_inventory::{PersonEntry, Role};
use holdshort_model::{AgentId, Authentication, Digest, Subject};
use http::{HeaderMap, StatusCode, header};
use std::sync::Arc;
use subtle::ConstantTimeEq as _;

/// The other end of a connection. Set by the listener for each request, never by the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A TCP connection: nothing is known of the other end.
    Tcp,
    /// A unix socket; the kernel tells the user.
    Unix {
        /// User id of the process that connected (`SO_PEERCRED`).
        uid: u32,
    },
}

/// An authenticated caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// The administrator's token.
    Operator,
    /// A process of our own user, or of root, over the unix socket.
    OsUser,
    /// An agent's token: it speaks for this agent and for nobody else.
    Agent(AgentId),
}

impl Caller {
    /// What the caller may say about the subject. INVARIANT: `authenticated_by` is ours to set, and with an agent's
    /// token the subject is that agent, acting for nobody, whatever the body says.
    pub(crate) fn establish(&self, subject: &mut Subject) {
        match self {
            Self::Operator => subject.authenticated_by = Authentication::Operator,
            Self::OsUser => subject.authenticated_by = Authentication::OsUser,
            Self::Agent(agent) => {
                subject.agent = agent.clone();
                subject.user = None;
                subject.delegation = Vec::new();
                subject.authenticated_by = Authentication::Token;
            }
        }
    }
}

/// The administrator's token, as its digest.
#[derive(Clone)]
pub(crate) struct AdminToken(Digest);

impl AdminToken {
    pub(crate) fn new(token: &str) -> Self {
        Self(Digest::of(token.as_bytes()))
    }

    // Digests of both are compared, in constant time: neither length nor content of the token shows in the timing.
    fn is(&self, token: &str) -> bool {
        Digest::of(token.as_bytes()).as_bytes().ct_eq(self.0.as_bytes()).into()
    }
}

/// Lets only requests through that name us. See [`super::origin`].
pub(crate) async fn named(State(app): State<Arc<App>>, request: Request, next: Next) -> Result<Response, Problem> {
    let unix = matches!(request.extensions().get(), Some(Peer::Unix { .. }));
    app.hosts.check(request.uri(), request.headers(), unix)?;
    Ok(next.run(request).await)
}

/// Lets only authenticated callers through.
pub(crate) async fn known(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Result<Response, Problem> {
    let caller = authenticate(&app, request.headers(), request.extensions().get().copied())?;
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// Lets only those through who run the service. An agent's token is not enough.
pub(crate) async fn operator(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    match authenticate(&app, request.headers(), request.extensions().get().copied())? {
        caller @ (Caller::Operator | Caller::OsUser) => {
            request.extensions_mut().insert(caller);
            Ok(next.run(request).await)
        }
        Caller::Agent(_) => Err(Problem::forbidden("an agent's token does not cover this")
            .hint("use the administrator's token, or the unix socket as the user of the service")),
    }
}

/// Lets only those through who may read the log's public files: who run the service, and people with the role for it. What
/// an agent could see there, it could time its actions by.
pub(crate) async fn auditor(State(app): State<Arc<App>>, request: Request, next: Next) -> Result<Response, Problem> {
    match identify(&app, &request)? {
        Party::Operator(_) => {}
        Party::Person(person) if person.may(Role::Audit) => {}
        Party::Person(_) | Party::Agent(_) => {
            return Err(Problem::forbidden("this token does not cover the log's files")
                .hint("`holdshort people add NAME --role audit` makes a person whose token does, and nothing else"));
        }
    }
    Ok(next.run(request).await)
}

/// Who asks about approvals.
#[derive(Clone, Debug)]
pub(crate) enum Party {
    /// Whoever runs the service, by name: `operator` or `os-user`.
    Operator(&'static str),
    /// A registered person.
    Person(PersonEntry),
    /// An agent.
    Agent(AgentId),
}

/// Lets authenticated callers through, registered people among them. What each may do is decided at the route.
pub(crate) async fn party(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Result<Response, Problem> {
    let party = identify(&app, &request)?;
    request.extensions_mut().insert(party);
    Ok(next.run(request).await)
}

fn identify(app: &App, request: &Request) -> Result<Party, Problem> {
    let peer = request.extensions().get().copied();
    is_os_user(app, peer)?;
    let mut values = request.headers().get_all(header::AUTHORIZATION).iter();
    let token = values.next().and_then(|value| bearer(value.to_str().ok()?)).filter(|_| values.next().is_none());
    Ok(match token.map(|token| app.service.authenticate_person(token)) {
        Some(Ok(person)) => Party::Person(person),
        Some(Err(_)) | None => match authenticate(app, request.headers(), peer)? {
            Caller::Operator => Party::Operator("operator"),
            Caller::OsUser => Party::Operator("os-user"),
            Caller::Agent(agent) => Party::Agent(agent),
        },
    })
}

fn is_os_user(app: &App, peer: Option<Peer>) -> Result<bool, Problem> {
    match peer {
        Some(Peer::Unix { uid }) if uid == app.uid || uid == 0 => Ok(true),
        Some(Peer::Unix { .. }) => Err(Problem::forbidden("this socket serves the user of the service and root only")),
        Some(Peer::Tcp) | None => Ok(false),
    }
}

fn authenticate(app: &App, headers: &HeaderMap, peer: Option<Peer>) -> Result<Caller, Problem> {
    let os_user = is_os_user(app, peer)?;
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (None, _) if os_user => Ok(Caller::OsUser),
        (None, _) => Err(unauthorized("this needs a bearer token")),
        (Some(value), None) => bearer(value.to_str().unwrap_or_default())
            .ok_or_else(|| unauthorized("the `Authorization` header has to be `Bearer` and a token"))
            .and_then(|token| by_token(app, token)),
        _ => Err(unauthorized("there are two `Authorization` headers")),
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

// One answer for every wrong token: whoever guesses learns nothing. The service's log has the reason.
fn by_token(app: &App, token: &str) -> Result<Caller, Problem> {
    if app.admin.is(token) {
        return Ok(Caller::Operator);
    }
    app.service.authenticate(token).map(Caller::Agent).map_err(|refusal| {
        tracing::info!(%refusal, "token refused");
        unauthorized("the bearer token is not good")
    })
}

fn unauthorized(message: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, code::UNAUTHORIZED, message)
        .hint("send `Authorization: Bearer TOKEN`; `holdshort agents tokens create` makes one for an agent, `holdshort people token` one for a person")
}
