//! The questions of enforcement points: may this run, what came of it, which tools may be listed.

use super::App;
use super::caller::Caller;
use super::input::Input;
use super::problem::Problem;
use crate::deciding::API_POINT;
use axum::extract::State;
use axum::{Extension, Json};
use holdshort_api::{OutcomeReport, ToolsAnswer};
use holdshort_enforce::Authority as _;
use holdshort_model::{AgentId, Request, Ruling, SessionId, ToolsSeen};
use http::StatusCode;
use std::sync::Arc;

/// How the ids of sessions begin that the MCP gateway and the wrapper give.
const SESSIONS_OF_POINTS: [&str; 3] = ["mcp-", "stdio-", "unattached"];

/// INVARIANT: what an agent says of the person's request with its own token counts in its own sessions alone. In those of
/// an enforcement point it would count as what the point knows.
fn is_of_a_point(session: &SessionId, agent: &AgentId) -> bool {
    let id = session.as_str();
    // Of stateless clients: the agent, and a conversation, a trace or a window.
    let stateless = id.strip_prefix(agent.as_str()).is_some_and(|rest| rest.starts_with('/'));
    stateless || SESSIONS_OF_POINTS.iter().any(|begin| id.starts_with(begin))
}

pub(crate) async fn decide(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Input(mut request): Input<Request>,
) -> Result<Json<Ruling>, Problem> {
    caller.establish(&mut request.subject);
    if let Caller::Agent(agent) = &caller {
        if is_of_a_point(&request.session, agent) {
            return Err(Problem::forbidden("this session is an enforcement point's; an agent does not speak in it")
                .hint("name the session in another way"));
        }
        request.context.enforcement_point.clear();
    }
    if request.context.enforcement_point.is_empty() {
        request.context.enforcement_point = API_POINT.into();
    }
    Ok(Json(app.service.rule(request).await?))
}

pub(crate) async fn outcome(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Input(report): Input<OutcomeReport>,
) -> Result<StatusCode, Problem> {
    let (outcome, seen) = report.into();
    // INVARIANT: an agent reports on its own sessions only.
    let agent = match &caller {
        Caller::Agent(agent) => Some(agent),
        Caller::Operator | Caller::OsUser => None,
    };
    if agent.is_some_and(|agent| !app.service.has_session(agent, &outcome.session)) {
        return Err(Problem::forbidden("this agent has no such session"));
    }
    app.service.take_report(agent, outcome, seen).await?;
    Ok(StatusCode::ACCEPTED)
}

pub(crate) async fn tools(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Input(mut seen): Input<ToolsSeen>,
) -> Result<Json<ToolsAnswer>, Problem> {
    // What a server offers is the word of an enforcement point: an agent could pin a definition before the server shows it.
    if matches!(caller, Caller::Agent(_)) {
        return Err(Problem::forbidden("an agent's token does not cover tool definitions")
            .hint("an enforcement point asks with the administrator's token or over the unix socket"));
    }
    caller.establish(&mut seen.subject);
    Ok(Json(ToolsAnswer { tools: app.service.inspect(seen).await? }))
}
