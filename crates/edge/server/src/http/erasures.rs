//! Erasure: for whoever runs the service, and for nobody else.

use super::App;
use super::caller::Caller;
use super::input::Input;
use super::problem::Problem;
use axum::extract::State;
use axum::{Extension, Json};
use holdshort_api::{Erased, NewErasure};
use std::sync::Arc;

pub(crate) async fn erase(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Input(new): Input<NewErasure>,
) -> Result<Json<Erased>, Problem> {
    let by = match caller {
        Caller::Operator => "operator",
        Caller::OsUser => "os-user",
        _ => return Err(Problem::forbidden("this is for whoever runs the service")),
    };
    Ok(Json(app.service.erase(new, by).await?))
}
