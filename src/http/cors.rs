//! CORS (the Fetch standard): lets pages of allowed origins use the API.
//!
//! Clients send tokens explicitly and there are no cookies, so an allowed origin can do no more than any other program.

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HOST, HeaderValue, ORIGIN,
    VARY,
};
use hyper::{Method, StatusCode};

use super::middleware::Next;
use super::request::Request;
use crate::transport::{Origins, Response, empty};

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static("Authorization, Content-Type, X-Request-ID");
const EXPOSED: HeaderValue = HeaderValue::from_static("X-Request-ID, Retry-After, Location");
/// The time for which a browser may cache the response to a preflight, in seconds. It is Chromium's own maximum.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// Responds to preflights, and adds the CORS headers to all other responses.
pub(super) async fn middleware(request: Request, next: Next) -> Response {
    let origins = request.state.origins.clone();
    let allowed = request.headers.get(ORIGIN).cloned().filter(|origin| {
        origin.to_str().is_ok_and(|text| origins.allow(&text.to_ascii_lowercase(), request.header(HOST)))
    });
    let is_preflight = request.method == Method::OPTIONS && request.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match (&allowed, is_preflight) {
        (Some(_), true) => preflight(),
        _ => next.run(request).await,
    };
    let headers = response.headers_mut();
    let any = *origins == Origins::Any;
    if !any {
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
    if let Some(origin) = allowed {
        let value = if any { HeaderValue::from_static("*") } else { origin };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, value);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    response
}

fn preflight() -> Response {
    let mut response = empty(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    response
}
