//! The people who answer. For whoever runs the service alone: who could add a person could answer as one.

use super::App;
use super::input::{Input, Place};
use super::problem::Problem;
use axum::Json;
use axum::extract::State;
use holdshort_api::{IssuedPersonToken, NewPerson, NewToken, PeoplePage, PersonSummary};
use holdshort_model::Digest;
use http::StatusCode;
use std::sync::Arc;

pub(crate) async fn list(State(app): State<Arc<App>>) -> Json<PeoplePage> {
    Json(PeoplePage { people: app.service.people() })
}

pub(crate) async fn add(
    State(app): State<Arc<App>>,
    Input(new): Input<NewPerson>,
) -> Result<(StatusCode, Json<PersonSummary>), Problem> {
    Ok((StatusCode::CREATED, Json(app.service.add_person(new).await?)))
}

pub(crate) async fn remove(State(app): State<Arc<App>>, Place(name): Place<String>) -> Result<StatusCode, Problem> {
    app.service.remove_person(name).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn issue(
    State(app): State<Arc<App>>,
    Place(name): Place<String>,
    Input(token): Input<NewToken>,
) -> Result<(StatusCode, Json<IssuedPersonToken>), Problem> {
    Ok((StatusCode::CREATED, Json(app.service.issue_person_token(name, token).await?)))
}

pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    Place((name, hash)): Place<(String, String)>,
) -> Result<StatusCode, Problem> {
    let hash: Digest = hash.parse().map_err(|error: holdshort_model::DigestError| Problem::bad(error.to_string()))?;
    app.service.revoke_person_token(name, hash).await?;
    Ok(StatusCode::NO_CONTENT)
}
