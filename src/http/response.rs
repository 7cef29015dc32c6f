//! Answers with a JSON body.

use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;

use crate::transport::{Response, empty, with_body};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

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
