//! What was taken from whom: looked at, taken away and given back by people, asked by enforcement points.

use super::App;
use super::caller::Caller;
use super::input::{Input, Params};
use super::problem::Problem;
use axum::extract::State;
use axum::{Extension, Json};
use holdshort_api::{
    NewStanding, Release, Released, StandingChange, StandingChanges, StandingChangesQuery, StandingPage,
    StandingQuestion, code,
};
use holdshort_model::StandingView;
use http::StatusCode;
use std::sync::Arc;

pub(crate) async fn list(State(app): State<Arc<App>>) -> Json<StandingPage> {
    Json(app.service.standings())
}

// Both in tasks of their own: a caller who hangs up must not leave half of it.
pub(crate) async fn contain(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Input(new): Input<NewStanding>,
) -> Result<Json<StandingChange>, Problem> {
    let (service, by) = (app.service.clone(), name(&caller)?);
    let task = tokio::spawn(async move { service.contain(new, &by).await });
    Ok(Json(task.await.map_err(failed)??))
}

pub(crate) async fn release(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Input(wanted): Input<Release>,
) -> Result<Json<Released>, Problem> {
    let (service, by) = (app.service.clone(), name(&caller)?);
    let task = tokio::spawn(async move { service.release(wanted, &by).await });
    Ok(Json(task.await.map_err(failed)??))
}

pub(crate) async fn of_self(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Input(question): Input<StandingQuestion>,
) -> Json<StandingView> {
    let StandingQuestion { mut subject, session } = question;
    caller.establish(&mut subject);
    Json(app.service.standing_of(&subject, &session))
}

pub(crate) async fn changes(
    State(app): State<Arc<App>>,
    Params(query): Params<StandingChangesQuery>,
) -> Json<StandingChanges> {
    let mut closing = app.closing.clone();
    let number = tokio::select! {
        number = app.service.standing_number(query.since) => number,
        // Whoever waits asks again, somewhere else or later.
        _ = closing.wait_for(|closing| *closing) => query.since,
    };
    Json(StandingChanges { number })
}

/// INVARIANT: who gives back is a person. The routes are open to people alone; this is the second lock.
fn name(caller: &Caller) -> Result<String, Problem> {
    match caller {
        Caller::Operator => Ok("operator".to_owned()),
        Caller::OsUser => Ok("os-user".to_owned()),
        Caller::Agent(_) => Err(Problem::forbidden("an agent's token does not cover this")),
    }
}

fn failed(_: tokio::task::JoinError) -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, code::INTERNAL, "changing the standing failed")
}
