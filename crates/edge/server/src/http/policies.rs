//! Policies in force, and loading them again.

use super::App;
use super::caller::Caller;
use super::input::Input;
use super::problem::Problem;
use crate::reload::Candidate;
use async_trait::async_trait;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use holdshort_api::{PoliciesAnswer, PolicyModeChange, PolicySummary, ReloadAnswer};
use http::StatusCode;
use std::sync::Arc;

/// Loads policies, grants and settings from where they are kept. Owned here, implemented by the application.
#[async_trait]
pub trait SnapshotSource: Send + Sync + 'static {
    /// A candidate, checked and compiled, or what is wrong with it.
    async fn load(&self) -> Candidate;
}

pub(crate) async fn list(State(app): State<Arc<App>>) -> Json<PoliciesAnswer> {
    Json(app.service.policies())
}

pub(crate) async fn set_mode(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    Input(change): Input<PolicyModeChange>,
) -> Result<Json<PolicySummary>, Problem> {
    let by = match caller {
        Caller::Operator => "operator",
        Caller::OsUser => "os-user",
        _ => return Err(Problem::forbidden("this is for whoever runs the service")),
    };
    Ok(Json(app.service.set_policy_mode(&name, change, by).await?))
}

pub(crate) async fn reload(State(app): State<Arc<App>>) -> Result<(StatusCode, Json<ReloadAnswer>), Problem> {
    let answer = app.service.reload(app.policies.load().await, "api").await?;
    let status = if answer.accepted { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, Json(answer)))
}
