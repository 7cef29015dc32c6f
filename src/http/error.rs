//! Converts errors to HTTP responses. No other file does.

use hyper::header::{
    ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_VERSION, UPGRADE, WWW_AUTHENTICATE,
};
use hyper::{Method, StatusCode};

use super::response;
use super::router::NoRoute;
use crate::domain::{Code, Error};
use crate::transport::{Response, empty};
use crate::wire::problem::{ProblemBody, status};

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Returns the response to a request that failed.
pub(super) fn problem(error: &Error, request_id: &str) -> Response {
    let status = StatusCode::from_u16(status(error.code)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = response::json(status, &ProblemBody::new(error, request_id));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, PROBLEM_JSON);
    if status == StatusCode::UNAUTHORIZED && error.code != Code::BadCredentials {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if error.code == Code::UpgradeRequired {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    }
    if let Some(retry_after) = error.retry_after {
        headers
            .insert(RETRY_AFTER, HeaderValue::from(retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0)));
    }
    response
}

/// Returns the response to a request that matches no route. `OPTIONS` succeeds for every path that exists.
pub(super) fn no_route(none: &NoRoute, method: &Method, request_id: &str) -> Response {
    let path_exists = !none.allowed.is_empty();
    let mut response = if path_exists && method == Method::OPTIONS {
        empty(StatusCode::NO_CONTENT)
    } else {
        problem(&none.error, request_id)
    };
    if let (true, Ok(allowed)) = (path_exists, HeaderValue::from_str(&none.allowed)) {
        response.headers_mut().insert(ALLOW, allowed);
    }
    response
}
