//! Bodies and queries of callers: media type, size, unknown fields with the nearest name.

use super::problem::Problem;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::response::IntoResponse as _;
use holdshort_api::code;
use holdshort_model::FailMode;
use http::request::Parts;
use http::{StatusCode, header};
use serde::de::DeserializeOwned;

/// A JSON body.
pub(crate) struct Input<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Input<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        // A web page can send a form or plain text to us without being asked first (CORS); JSON it cannot.
        let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = media_type.and_then(|text| text.split(';').next()).map(str::trim);
        if !essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
            let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, code::MEDIA_TYPE, "the body has to be JSON");
            return Err(problem.hint("send the header `Content-Type: application/json`"));
        }
        let body = Bytes::from_request(request, state).await.map_err(|rejection| {
            match rejection.into_response().status() {
                StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    FailMode::Oversize.as_str(),
                    "the body is larger than this route takes",
                ),
                _ => Problem::bad("the body could not be read to its end"),
            }
        })?;
        parse(&body).map(Self)
    }
}

/// The query of the URL.
pub(crate) struct Params<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => Err(explain(Problem::bad, &rejection.body_text())),
        }
    }
}

/// Parts of the path.
pub(crate) struct Place<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Place<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let place = Path::from_request_parts(parts, state).await;
        place.map(|Path(place)| Self(place)).map_err(|rejection| Problem::bad(rejection.body_text()))
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        let wrong = |message: String| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                FailMode::Unparseable.as_str(),
                format!("the body is wrong: {message}"),
            )
        };
        explain(wrong, &error.to_string())
    })
}

fn explain(problem: impl Fn(String) -> Problem, message: &str) -> Problem {
    match nearest(message) {
        Some(name) => problem(message.into()).hint(format!("did you mean `{name}`?")),
        None => problem(message.into()),
    }
}

/// The known name that is nearest to the unknown one, from the words of serde: ``unknown field `a`, expected `b` ``.
fn nearest(message: &str) -> Option<&str> {
    let at = message.find("unknown field `").or_else(|| message.find("unknown variant `"))?;
    let mut names = message.get(at..)?.split('`').skip(1).step_by(2);
    let unknown = names.next()?;
    let distance = |name: &&str| strsim::damerau_levenshtein(unknown, name);
    let name = names.take(64).min_by_key(distance)?;
    (strsim::damerau_levenshtein(unknown, name) <= 1 + name.chars().count() / 3).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_known_name_is_named() {
        let check = |message: &str, expected: Option<&str>| assert_eq!(nearest(message), expected, "{message}");
        check("unknown field `sesion`, expected one of `subject`, `action`, `session` at line 1", Some("session"));
        check("unknown field `x`, expected one of `subject`, `action`", None);
        check("unknown field `x`, there are no fields", None);
        check("unknown variant `tool.cal`, expected one of `tool.call`, `protocol`", Some("tool.call"));
        check("expected value at line 1", None);
    }
}
