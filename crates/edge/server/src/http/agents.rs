//! Agents and their tokens.

use super::App;
use super::input::{Input, Place};
use super::problem::Problem;
use axum::Json;
use axum::extract::State;
use holdshort_api::{AgentSummary, AgentsPage, IssuedToken, NewAgent, NewToken, TokensPage};
use holdshort_model::{AgentId, Digest};
use http::StatusCode;
use std::sync::Arc;

pub(crate) async fn list(State(app): State<Arc<App>>) -> Json<AgentsPage> {
    Json(AgentsPage { agents: app.service.agents() })
}

pub(crate) async fn add(
    State(app): State<Arc<App>>,
    Input(agent): Input<NewAgent>,
) -> Result<(StatusCode, Json<AgentSummary>), Problem> {
    Ok((StatusCode::CREATED, Json(app.service.add_agent(agent).await?)))
}

pub(crate) async fn remove(State(app): State<Arc<App>>, Place(id): Place<AgentId>) -> Result<StatusCode, Problem> {
    app.service.remove_agent(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn tokens(
    State(app): State<Arc<App>>,
    Place(id): Place<AgentId>,
) -> Result<Json<TokensPage>, Problem> {
    let missing = || Problem::not_found(format!("nobody registered an agent `{id}`"));
    Ok(Json(TokensPage { tokens: app.service.tokens(&id).ok_or_else(missing)? }))
}

pub(crate) async fn issue(
    State(app): State<Arc<App>>,
    Place(id): Place<AgentId>,
    Input(token): Input<NewToken>,
) -> Result<(StatusCode, Json<IssuedToken>), Problem> {
    Ok((StatusCode::CREATED, Json(app.service.issue_token(id, token).await?)))
}

pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    Place((id, hash)): Place<(AgentId, String)>,
) -> Result<StatusCode, Problem> {
    let hash: Digest = hash.parse().map_err(|error: holdshort_model::DigestError| Problem::bad(error.to_string()))?;
    app.service.revoke_token(id, hash).await?;
    Ok(StatusCode::NO_CONTENT)
}
