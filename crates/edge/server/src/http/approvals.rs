//! Questions to people and their answers. Open to people with a role and to whoever runs the service; an agent learns
//! how its own questions stand, and nothing else.

use super::App;
use super::caller::Party;
use super::input::{Input, Params, Place};
use super::problem::Problem;
use axum::extract::State;
use axum::{Extension, Json};
use holdshort_api::{
    APPROVAL_WAIT_S_MAX, AnswerGiven, ApprovalQuery, ApprovalView, ApprovalsPage, ApprovalsQuery, ExceptionsPage,
    NewAnswer, RevokeException, code,
};
use holdshort_inventory::Role;
use holdshort_model::{Exception, RecordId};
use http::StatusCode;
use std::sync::Arc;
use std::time::Duration;

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(party): Extension<Party>,
    Params(query): Params<ApprovalsQuery>,
) -> Result<Json<ApprovalsPage>, Problem> {
    reads(&party)?;
    bounded(query.wait)?;
    let now = ApprovalsQuery { seen: None, ..query.clone() };
    let page = tokio::select! {
        page = app.service.approvals(&query) => page,
        // Whoever waits is told how it stands, and asks again.
        () = closed(&app) => app.service.approvals(&now).await,
    };
    Ok(Json(page))
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Extension(party): Extension<Party>,
    Place(id): Place<String>,
    Params(query): Params<ApprovalQuery>,
) -> Result<Json<ApprovalView>, Problem> {
    let (id, wait) = (approval(&id)?, bounded(query.wait)?);
    // INVARIANT: with an agent's token it is that agent's approval, whatever the query says, and only how it stands.
    let (agent, sees) = match &party {
        Party::Agent(agent) => (Some(agent.clone()), false),
        Party::Operator(_) => (query.agent, true),
        Party::Person(_) => {
            reads(&party)?;
            (query.agent, true)
        }
    };
    let found = tokio::select! {
        found = app.service.approval_view(agent.as_ref(), id, wait) => found,
        () = closed(&app) => app.service.approval_view(agent.as_ref(), id, Duration::ZERO).await,
    };
    let found = found.ok_or_else(|| Problem::not_found(format!("there is no approval `{id}`")))?;
    Ok(Json(ApprovalView { approval: found.approval.filter(|_| sees), ..found }))
}

// In a task of its own: a caller who hangs up must not leave a record of an answer that has no effect.
pub(crate) async fn answer(
    State(app): State<Arc<App>>,
    Extension(party): Extension<Party>,
    Place(id): Place<String>,
    Input(new): Input<NewAnswer>,
) -> Result<Json<AnswerGiven>, Problem> {
    let (id, by, service) = (approval(&id)?, answers(&app, &party)?, app.service.clone());
    let task = tokio::spawn(async move { service.answer_approval(id, &by, new).await });
    Ok(Json(task.await.map_err(failed)??))
}

pub(crate) async fn exceptions(
    State(app): State<Arc<App>>,
    Extension(party): Extension<Party>,
) -> Result<Json<ExceptionsPage>, Problem> {
    reads(&party)?;
    Ok(Json(app.service.exceptions()))
}

pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    Extension(party): Extension<Party>,
    Place(id): Place<String>,
    Params(wanted): Params<RevokeException>,
) -> Result<Json<Exception>, Problem> {
    // Taking back only tightens, so whoever runs the service may always do it.
    let by = match &party {
        Party::Operator(name) => (*name).to_owned(),
        Party::Person(_) | Party::Agent(_) => answers(&app, &party)?,
    };
    let (id, service) = (approval(&id)?, app.service.clone());
    let task = tokio::spawn(async move { service.revoke_exception(id, &by, &wanted.reason).await });
    Ok(Json(task.await.map_err(failed)??))
}

/// Resolves when the service ends.
async fn closed(app: &App) {
    let mut closing = app.closing.clone();
    let _ = closing.wait_for(|closing| *closing).await;
}

fn failed(_: tokio::task::JoinError) -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, code::INTERNAL, "the answer failed inside of holdshort")
}

fn reads(party: &Party) -> Result<(), Problem> {
    match party {
        Party::Operator(_) => Ok(()),
        Party::Person(person) if person.may(Role::Read) => Ok(()),
        Party::Person(person) => Err(Problem::forbidden(format!("`{}` has no role to look at approvals", person.name))),
        Party::Agent(_) => Err(Problem::forbidden("an agent's token does not cover approvals")),
    }
}

/// Who answers. INVARIANT: never an agent.
fn answers(app: &App, party: &Party) -> Result<String, Problem> {
    match party {
        Party::Operator(name) if app.service.operators_answer() => Ok((*name).to_owned()),
        Party::Operator(_) => Err(Problem::forbidden("only registered people answer here (`approvers = \"people\"`)")
            .hint("set HOLDSHORT_TOKEN to a token of yours; `holdshort people token` makes one")),
        Party::Person(person) if person.may(Role::Approve) => Ok(person.name.clone()),
        Party::Person(person) => Err(Problem::forbidden(format!("`{}` does not have the role `approve`", person.name))),
        Party::Agent(_) => Err(Problem::forbidden("an agent's token never answers approvals")
            .hint("a person answers with `holdshort approvals approve`")),
    }
}

fn approval(id: &str) -> Result<RecordId, Problem> {
    let shown: String = id.chars().take(40).collect();
    id.parse().map_err(|_| Problem::not_found(format!("`{shown}` is not the id of an approval")))
}

fn bounded(wait_s: Option<u64>) -> Result<Duration, Problem> {
    match wait_s.unwrap_or(0) {
        wait_s if wait_s <= APPROVAL_WAIT_S_MAX => Ok(Duration::from_secs(wait_s)),
        _ => Err(Problem::bad(format!("`wait` has to be from 0 to {APPROVAL_WAIT_S_MAX} seconds"))),
    }
}
