//! What was taken from whom: looked at, taken away and given back by people, asked by enforcement points.

use super::App;
use super::caller::{Caller, Party};
use super::input::{Input, Params};
use super::problem::Problem;
use axum::extract::State;
use axum::{Extension, Json};
use holdshort_api::{
    NewStanding, Release, Released, StandingChange, StandingChanges, StandingChangesQuery, StandingPage,
    StandingQuestion, code,
};
use holdshort_inventory::Role;
use holdshort_model::StandingView;
use http::StatusCode;
use std::sync::Arc;

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(party): Extension<Party>,
) -> Result<Json<StandingPage>, Problem> {
    person(&party, Role::Read)?;
    Ok(Json(app.service.standings()))
}

// Both in tasks of their own: a caller who hangs up must not leave half of it.
pub(crate) async fn contain(
    State(app): State<Arc<App>>,
    Extension(party): Extension<Party>,
    Input(new): Input<NewStanding>,
) -> Result<Json<StandingChange>, Problem> {
    let (service, by) = (app.service.clone(), person(&party, Role::Release)?);
    let task = tokio::spawn(async move { service.contain(new, &by).await });
    Ok(Json(task.await.map_err(failed)??))
}

pub(crate) async fn release(
    State(app): State<Arc<App>>,
    Extension(party): Extension<Party>,
    Input(wanted): Input<Release>,
) -> Result<Json<Released>, Problem> {
    let (service, by) = (app.service.clone(), person(&party, Role::Release)?);
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

/// Who takes away and gives back. INVARIANT: never an agent.
fn person(party: &Party, role: Role) -> Result<String, Problem> {
    match party {
        Party::Operator(name) => Ok((*name).to_owned()),
        Party::Person(person) if person.may(role) => Ok(person.name.clone()),
        Party::Person(person) => Err(Problem::forbidden(format!("`{}` does not have the role for this", person.name))
            .hint("whoever runs the service gives roles with `holdshort people`")),
        Party::Agent(_) => Err(Problem::forbidden("an agent's token does not cover this")),
    }
}

fn failed(_: tokio::task::JoinError) -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, code::INTERNAL, "changing the standing failed")
}
