//! The access log: one line for each request. It omits the query, which can contain a token.

use std::sync::Arc;
use std::time::Instant;

use hyper::StatusCode;
use hyper::header::{HOST, HeaderValue, ORIGIN};

use super::middleware::Next;
use super::request::Request;
use crate::api::{AnsweredCall, log_call};
use crate::transport::{Response, network};

/// Logs the request, the status of the response, and the duration. Probes and static files are logged at `debug` only.
pub(super) async fn middleware(request: Request, next: Next) -> Response {
    let (started, id) = (Instant::now(), request.id.clone());
    let (method, path, address) = (request.method.clone(), request.path.clone(), request.address);
    let state = Arc::clone(&request.state);
    let is_quiet = matches!(request.pattern, "/health" | "/livez" | "/readyz" | "/boot.js" | "/service-worker.js")
        || request.pattern.starts_with("/static/");
    let origin = request.headers.get(ORIGIN).cloned();
    let host = origin.as_ref().and_then(|_| request.headers.get(HOST).cloned());
    let response = next.run(request).await;
    // Only a 403 can be due to the origin.
    let is_forbidden = response.status() == StatusCode::FORBIDDEN;
    let call = AnsweredCall {
        method: method.as_str(),
        path: &path,
        status: response.status().as_u16(),
        started,
        request_id: &id,
        address,
        network: network(address),
        origin: text(origin.as_ref().filter(|_| is_forbidden)),
        host: text(host.as_ref().filter(|_| is_forbidden)),
        is_quiet: is_quiet && response.status().as_u16() < 400,
    };
    log_call(&call, &state.refusals);
    response
}

/// Returns the text of a header field, or `None` if it is missing or is not visible ASCII.
fn text(value: Option<&HeaderValue>) -> Option<&str> {
    value?.to_str().ok()
}
