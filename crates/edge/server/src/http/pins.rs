//! Pins of tool definitions.

use super::App;
use super::input::Input;
use super::problem::Problem;
use axum::Json;
use axum::extract::State;
use holdshort_api::{AcceptPin, PinSummary, PinsPage};
use std::sync::Arc;

pub(crate) async fn list(State(app): State<Arc<App>>) -> Json<PinsPage> {
    Json(PinsPage { pins: app.service.pins() })
}

pub(crate) async fn accept(
    State(app): State<Arc<App>>,
    Input(accept): Input<AcceptPin>,
) -> Result<Json<PinSummary>, Problem> {
    Ok(Json(app.service.accept_pin(accept).await?))
}
