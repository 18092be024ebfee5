//! The HTTP API, the same on TCP and on the unix socket.
//!
//! Four circles: open to everybody who names us (health and the contract), open to every known caller (the questions
//! of enforcement points), open to people who answer (approvals), and open to whoever runs the service (everything else).

mod agents;
mod approvals;
mod caller;
mod destinations;
mod erasures;
mod events;
mod incidents;
mod input;
mod labels;
mod log_files;
mod origin;
mod people;
mod pins;
mod points;
mod policies;
mod problem;
mod retention;
mod standing;
mod state;
mod witnesses;

pub use caller::Peer;
pub use policies::SnapshotSource;

use crate::Service;
use crate::recorder::RecordReader;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{delete, get, post};
use caller::AdminToken;
use http::{HeaderValue, StatusCode, header};
use origin::Hosts;
use problem::Problem;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::watch;

/// Largest body of a question, in bytes: arguments of some megabytes exist (file contents).
const QUESTION_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Largest body with tool definitions: one page of a listing.
const TOOLS_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Largest report of an outcome: JSON may take six bytes for one of the text that the agent sees.
const OUTCOME_BYTES_MAX: usize = 6 * holdshort_model::SEEN_BYTES_MAX + 128 * 1024;
/// Largest body of everything else.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Who may call, and under which names.
#[derive(Clone)]
pub struct Access {
    /// The administrator's bearer token.
    pub admin_token: String,
    /// Host names besides the loopback ones, without ports.
    pub hosts: Vec<String>,
    /// Origins of browsers besides those of our own names.
    pub origins: Vec<String>,
}

/// What the API serves.
pub struct Parts {
    /// The decision service.
    pub service: Arc<Service>,
    /// Reads records.
    pub records: Arc<dyn RecordReader>,
    /// Loads policies again.
    pub policies: Arc<dyn SnapshotSource>,
    /// Directory of the tiled log.
    pub log_dir: PathBuf,
    /// Who may call.
    pub access: Access,
}

/// The API with what it serves.
pub(crate) struct App {
    pub(crate) service: Arc<Service>,
    records: Arc<dyn RecordReader>,
    policies: Arc<dyn SnapshotSource>,
    log_dir: PathBuf,
    admin: AdminToken,
    hosts: Hosts,
    uid: u32,
    closing: watch::Receiver<bool>,
}

/// The routes. `closing` ends event streams when it turns true.
pub(crate) fn router(parts: Parts, closing: watch::Receiver<bool>) -> Router {
    let app = Arc::new(App {
        service: parts.service,
        records: parts.records,
        policies: parts.policies,
        log_dir: parts.log_dir,
        admin: AdminToken::new(&parts.access.admin_token),
        hosts: Hosts::new(&parts.access.hosts, &parts.access.origins),
        uid: rustix::process::geteuid().as_raw(),
        closing,
    });
    open_routes()
        .merge(point_routes().route_layer(from_fn_with_state(app.clone(), caller::known)))
        .merge(standing_routes().route_layer(from_fn_with_state(app.clone(), caller::party)))
        .merge(approval_routes().route_layer(from_fn_with_state(app.clone(), caller::party)))
        .merge(log_routes().route_layer(from_fn_with_state(app.clone(), caller::auditor)))
        .merge(operator_routes().route_layer(from_fn_with_state(app.clone(), caller::operator)))
        .fallback(|| async { Problem::not_found("there is no such route").hint("`/openapi.json` lists the routes") })
        .method_not_allowed_fallback(|| async {
            let status = StatusCode::METHOD_NOT_ALLOWED;
            Problem::new(status, holdshort_api::code::METHOD, "this route has other methods")
        })
        .layer(from_fn_with_state(app.clone(), caller::named))
        .layer(map_response(harden))
        .with_state(app)
}

fn open_routes() -> Router<Arc<App>> {
    Router::new()
        .route("/healthz", get(state::health))
        .route("/readyz", get(state::readiness))
        .route("/openapi.json", get(state::openapi))
}

fn point_routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/decide", post(points::decide).layer(DefaultBodyLimit::max(QUESTION_BYTES_MAX)))
        .route("/v1/outcomes", post(points::outcome).layer(DefaultBodyLimit::max(OUTCOME_BYTES_MAX)))
        .route("/v1/tools", post(points::tools).layer(DefaultBodyLimit::max(TOOLS_BYTES_MAX)))
        .route("/v1/standing/self", post(standing::of_self).layer(DefaultBodyLimit::max(BODY_BYTES_MAX)))
        .route("/v1/standing/changes", get(standing::changes))
}

fn approval_routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/approvals", get(approvals::list))
        .route("/v1/approvals/{id}", get(approvals::show))
        .route("/v1/approvals/{id}/answer", post(approvals::answer))
        .route("/v1/exceptions", get(approvals::exceptions))
        .route("/v1/exceptions/{id}", delete(approvals::revoke))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

fn standing_routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/standing", get(standing::list).post(standing::contain))
        .route("/v1/standing/release", post(standing::release))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

fn log_routes() -> Router<Arc<App>> {
    Router::new().route("/log/{*name}", get(log_files::file)).layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

fn operator_routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/records", get(state::records))
        .route("/v1/sessions", get(state::sessions))
        .route("/v1/sessions/{agent}/{session}/labels", get(labels::show))
        .route("/v1/sessions/{agent}/{session}/declassify", post(labels::declassify))
        .route("/v1/events", get(events::stream))
        .route("/v1/agents", get(agents::list).post(agents::add))
        .route("/v1/agents/{id}", delete(agents::remove))
        .route("/v1/agents/{id}/tokens", get(agents::tokens).post(agents::issue))
        .route("/v1/agents/{id}/tokens/{hash}", delete(agents::revoke))
        .route("/v1/people", get(people::list).post(people::add))
        .route("/v1/people/{name}", delete(people::remove))
        .route("/v1/people/{name}/tokens", post(people::issue))
        .route("/v1/people/{name}/tokens/{hash}", delete(people::revoke))
        .route("/v1/policies", get(policies::list))
        .route("/v1/policies/reload", post(policies::reload))
        .route("/v1/policies/{name}/mode", post(policies::set_mode))
        .route("/v1/erasures", post(erasures::erase))
        .route("/v1/retention", get(retention::state))
        .route("/v1/retention/archive", post(retention::archive))
        .route("/v1/retention/drop", post(retention::drop_records))
        .route("/v1/retention/clock", post(retention::believe_clock))
        .route("/v1/pins", get(pins::list))
        .route("/v1/pins/accept", post(pins::accept))
        .route("/v1/destinations", get(destinations::list).post(destinations::add).delete(destinations::forget))
        .route("/v1/incidents", get(incidents::list))
        .route("/v1/incidents/{id}", get(incidents::show))
        .route("/v1/incidents/{id}/close", post(incidents::close))
        .route("/v1/channels", get(incidents::channels))
        .route("/v1/channels/{name}/test", post(incidents::test))
        .route("/v1/witnesses", get(witnesses::list))
        .route("/metrics", get(state::metrics))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

/// Nothing of ours is guessed at, framed, or kept by a browser, unless the route says so.
async fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    );
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
