//! Labels of live sessions.

use super::App;
use super::caller::Caller;
use super::input::{Input, Place};
use super::problem::Problem;
use axum::extract::State;
use axum::{Extension, Json};
use holdshort_api::{Declassified, Declassify, SessionLabels, code};
use holdshort_model::{AgentId, SessionId};
use http::StatusCode;
use std::sync::Arc;

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Place((agent, session)): Place<(AgentId, SessionId)>,
) -> Result<Json<SessionLabels>, Problem> {
    let missing = || Problem::not_found(format!("the agent `{agent}` has no live session `{session}`"));
    app.service.labels(&agent, &session).map(Json).ok_or_else(missing)
}

// In a task of its own: a caller who hangs up must not leave a record of something that was not done.
pub(crate) async fn declassify(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Place((agent, session)): Place<(AgentId, SessionId)>,
    Input(wanted): Input<Declassify>,
) -> Result<Json<Declassified>, Problem> {
    let by = match caller {
        Caller::Operator => "operator",
        Caller::OsUser => "os-user",
        Caller::Agent(_) => return Err(Problem::forbidden("an agent's token does not cover this")),
    };
    let service = app.service.clone();
    let task = tokio::spawn(async move { service.declassify(agent, session, wanted, by).await });
    let failed = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, code::INTERNAL, "lowering the label failed");
    Ok(Json(task.await.map_err(failed)??))
}
