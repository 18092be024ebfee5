//! Old records: for whoever runs the service, and for nobody else.

use super::App;
use super::caller::Caller;
use super::input::Input;
use super::problem::Problem;
use axum::extract::State;
use axum::{Extension, Json};
use holdshort_api::{ArchiveRecords, ArchivedRecords, DropRecords, DroppedRecords, RetentionAnswer};
use std::sync::Arc;

type Answer<T> = Result<Json<T>, Problem>;

pub(crate) async fn state(State(app): State<Arc<App>>) -> Answer<RetentionAnswer> {
    Ok(Json(app.service.retention().await?))
}

pub(crate) async fn archive(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Input(wanted): Input<ArchiveRecords>,
) -> Answer<ArchivedRecords> {
    who(&caller)?;
    Ok(Json(app.service.archive_records(wanted).await?))
}

pub(crate) async fn drop_records(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Input(wanted): Input<DropRecords>,
) -> Answer<DroppedRecords> {
    let by = who(&caller)?;
    Ok(Json(app.service.drop_records(wanted, by).await?))
}

pub(crate) async fn believe_clock(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Answer<RetentionAnswer> {
    let by = who(&caller)?;
    Ok(Json(app.service.believe_clock(by).await?))
}

fn who(caller: &Caller) -> Result<&'static str, Problem> {
    match caller {
        Caller::Operator => Ok("operator"),
        Caller::OsUser => Ok("os-user"),
        _ => Err(Problem::forbidden("this is for whoever runs the service")),
    }
}
