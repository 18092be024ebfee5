//! Everything that is not a success, in the one shape of `api::ErrorAnswer`.

use crate::change::ChangeError;
use axum::Json;
use axum::response::{IntoResponse, Response};
use holdshort_api::{ErrorAnswer, ErrorBody, code};
use holdshort_enforce::Fault;
use holdshort_model::FailMode;
use http::StatusCode;

/// An error answer in the making.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
    hint: Option<String>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), hint: None }
    }

    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code::BAD_REQUEST, message)
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code::FORBIDDEN, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code::NOT_FOUND, message)
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        if self.status.is_server_error() {
            tracing::warn!(code = self.code, status = self.status.as_u16(), message = %self.message, "request failed");
        }
        let error = ErrorBody { code: self.code.into(), message: self.message, hint: self.hint };
        let mut response = (self.status, Json(ErrorAnswer { error })).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(http::header::WWW_AUTHENTICATE, http::HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        let status = match fault.mode {
            FailMode::DeciderLate
            | FailMode::RecorderDown
            | FailMode::RecorderFull
            | FailMode::ApprovalsDown
            | FailMode::NoPolicy => StatusCode::SERVICE_UNAVAILABLE,
            FailMode::UnknownAgent => StatusCode::FORBIDDEN,
            FailMode::Unparseable => StatusCode::BAD_REQUEST,
            FailMode::PolicyError => StatusCode::INTERNAL_SERVER_ERROR,
            FailMode::Oversize => StatusCode::PAYLOAD_TOO_LARGE,
        };
        Self::new(status, fault.mode.as_str(), fault.message)
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        let message = error.to_string();
        match error {
            ChangeError::Invalid(_) => Self::bad(message),
            ChangeError::Missing(_) => Self::not_found(message),
            ChangeError::Conflict(_) => Self::new(StatusCode::CONFLICT, code::CONFLICT, message),
            ChangeError::Fault(fault) => fault.into(),
            ChangeError::State(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, code::STATE_DOWN, message)
                .hint("look at the service's log for the cause"),
        }
    }
}
