//! What the service is doing: health, metrics, sessions, records, the contract.

use super::App;
use super::input::Params;
use super::problem::Problem;
use crate::RecorderError;
use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use holdshort_api::{
    Health, OPENAPI, RECORDS_PAGE_DEFAULT, RECORDS_PAGE_MAX, Readiness, RecordsPage, RecordsQuery, SessionsPage, code,
};
use http::{StatusCode, header};
use std::sync::Arc;

/// What was taken away holds, and is not on record or not stored: a restart would forget it.
const STANDING_UNKEPT: &str = "standing-unkept";

pub(crate) async fn health() -> Json<Health> {
    Json(Health { status: "ok".into(), version: env!("CARGO_PKG_VERSION").into() })
}

pub(crate) async fn readiness(State(app): State<Arc<App>>) -> (StatusCode, Json<Readiness>) {
    let mut faults: Vec<String> =
        app.service.faults_now().await.into_iter().map(|mode| mode.as_str().to_owned()).collect();
    faults.extend(app.service.standings_unkept().then(|| STANDING_UNKEPT.to_owned()));
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready: faults.is_empty(), faults }))
}

pub(crate) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI)
}

pub(crate) async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.service.metrics_text())
}

pub(crate) async fn sessions(State(app): State<Arc<App>>) -> Json<SessionsPage> {
    Json(app.service.sessions_page())
}

pub(crate) async fn records(
    State(app): State<Arc<App>>,
    Params(mut query): Params<RecordsQuery>,
) -> Result<Json<RecordsPage>, Problem> {
    let limit = query.limit.unwrap_or(RECORDS_PAGE_DEFAULT);
    if !(1..=RECORDS_PAGE_MAX).contains(&limit) {
        return Err(Problem::bad(format!("`limit` has to be from 1 to {RECORDS_PAGE_MAX}")));
    }
    query.limit = Some(limit);
    let page = app.records.page(query).await;
    page.map(Json).map_err(|error| {
        if let RecorderError::Query(why) = error {
            return Problem::bad(why);
        }
        tracing::warn!(%error, "records cannot be read");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, code::STATE_DOWN, "the log cannot be read")
            .hint("run `holdshort log verify` to find the place")
    })
}
