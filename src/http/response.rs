//! Answers.

use bytes::Bytes;
use http_body_util::Full;
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, X_CONTENT_TYPE_OPTIONS};
use serde::Serialize;

use super::request::Response;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Response {
    with_body(status, Bytes::new())
}

/// An answer with a JSON body.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => encoded(status, body),
        // Strings, numbers, and maps with string keys always have a JSON form.
        Err(error) => {
            tracing::error!(%error, "an answer could not be encoded");
            empty(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

/// An answer with a body that is JSON already.
pub(super) fn encoded(status: StatusCode, json: Vec<u8>) -> Response {
    let mut answer = with_body(status, json.into());
    answer.headers_mut().insert(CONTENT_TYPE, JSON);
    answer
}

/// 201 with a JSON body, and where the new thing is; 200 if it was there already.
pub(super) fn created(is_new: bool, location: String, value: &impl Serialize) -> Response {
    let mut answer = json(if is_new { StatusCode::CREATED } else { StatusCode::OK }, value);
    if let Ok(location) = HeaderValue::from_str(&location) {
        answer.headers_mut().insert(LOCATION, location);
    }
    answer
}

/// An answer with a body of any kind. What the API says is about one person at one moment, so nobody keeps it.
pub(super) fn with_body(status: StatusCode, body: Bytes) -> Response {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer"));
    answer
}
