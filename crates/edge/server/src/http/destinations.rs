//! Destinations that people approved. For the operator alone: an agent that could add one could approve itself.

use super::App;
use super::caller::Caller;
use super::input::{Input, Params};
use super::problem::Problem;
use axum::extract::State;
use axum::{Extension, Json};
use holdshort_api::{DestinationSummary, DestinationsPage, NewDestination};
use http::StatusCode;
use std::sync::Arc;

pub(crate) async fn list(State(app): State<Arc<App>>) -> Json<DestinationsPage> {
    Json(app.service.destinations())
}

pub(crate) async fn add(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Input(new): Input<NewDestination>,
) -> Result<(StatusCode, Json<DestinationSummary>), Problem> {
    let added = app.service.add_destination(new, name(&caller)?).await?;
    Ok((StatusCode::CREATED, Json(added)))
}

pub(crate) async fn forget(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Params(wanted): Params<NewDestination>,
) -> Result<StatusCode, Problem> {
    app.service.forget_destination(wanted, name(&caller)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn name(caller: &Caller) -> Result<&'static str, Problem> {
    match caller {
        Caller::Operator => Ok("operator"),
        Caller::OsUser => Ok("os-user"),
        Caller::Agent(_) => Err(Problem::forbidden("an agent's token does not cover this")),
    }
}
