//! The responses of both transports.

use bytes::Bytes;
use http_body_util::Full;
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};

/// An HTTP response with its body in memory.
pub type Response = hyper::Response<Full<Bytes>>;

/// Returns a response without a body.
pub fn empty(status: StatusCode) -> Response {
    with_body(status, Bytes::new())
}

/// Returns a response with a body of any media type. It must not be cached, because it is valid for one user at one time.
pub fn with_body(status: StatusCode, body: Bytes) -> Response {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer"));
    response
}
