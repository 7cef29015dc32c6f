//! Responses with a JSON body.

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;

use crate::transport::{Response, empty, with_body};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Encodes `value` as the JSON body of a response.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => encoded(status, body.into()),
        // Never happens: strings, numbers and maps with string keys can always be encoded.
        Err(error) => {
            tracing::error!(%error, "a response could not be encoded");
            empty(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

/// Returns a response with a body that is already encoded as JSON.
pub(super) fn encoded(status: StatusCode, json: Bytes) -> Response {
    let mut response = with_body(status, json);
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}
