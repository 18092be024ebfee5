//! How far witnesses have cosigned the log.

use super::App;
use axum::Json;
use axum::extract::State;
use holdshort_api::WitnessesPage;
use std::sync::Arc;

pub(crate) async fn list(State(app): State<Arc<App>>) -> Json<WitnessesPage> {
    Json(app.service.witnesses())
}
