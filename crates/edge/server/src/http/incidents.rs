//! Incidents and channels. For the operator alone: an agent learns nothing of what is known about it.

use super::App;
use super::caller::Caller;
use super::input::{Input, Params, Place};
use super::problem::Problem;
use axum::extract::State;
use axum::{Extension, Json};
use holdshort_api::{ChannelTested, ChannelsPage, CloseIncident, IncidentsPage, IncidentsQuery};
use holdshort_model::{Incident, RecordId};
use std::sync::Arc;

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Params(query): Params<IncidentsQuery>,
) -> Result<Json<IncidentsPage>, Problem> {
    Ok(Json(app.service.incidents(query.state, query.before).await?))
}

pub(crate) async fn show(State(app): State<Arc<App>>, Place(id): Place<RecordId>) -> Result<Json<Incident>, Problem> {
    let incident = app.service.incident(id).await?;
    incident.map(Json).ok_or_else(|| Problem::not_found(format!("there is no incident {id}")))
}

pub(crate) async fn close(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Place(id): Place<RecordId>,
    Input(wanted): Input<CloseIncident>,
) -> Result<Json<Incident>, Problem> {
    Ok(Json(app.service.close_incident(id, &wanted.reason, &name(&caller)?).await?))
}

pub(crate) async fn channels(State(app): State<Arc<App>>) -> Json<ChannelsPage> {
    Json(app.service.channels())
}

pub(crate) async fn test(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Place(channel): Place<String>,
) -> Result<Json<ChannelTested>, Problem> {
    Ok(Json(app.service.test_channel(&channel, &name(&caller)?).await?))
}

/// INVARIANT: who closes is a person. The routes are open to people alone; this is the second lock.
fn name(caller: &Caller) -> Result<String, Problem> {
    match caller {
        Caller::Operator => Ok("operator".to_owned()),
        Caller::OsUser => Ok("os-user".to_owned()),
        Caller::Agent(_) => Err(Problem::forbidden("an agent's token does not cover this")),
    }
}
