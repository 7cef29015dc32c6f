//! Answers, as both transports give them.

use bytes::Bytes;
use http_body_util::Full;
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};

/// An HTTP response with its body in memory.
pub type Response = hyper::Response<Full<Bytes>>;

/// An answer without a body.
pub fn empty(status: StatusCode) -> Response {
    with_body(status, Bytes::new())
}

/// An answer with a body of any kind. What the API says is about one person at one moment, so nobody keeps it.
pub fn with_body(status: StatusCode, body: Bytes) -> Response {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer"));
    answer
}
