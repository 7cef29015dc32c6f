//! The access log: one line for each request. It omits the query, which can contain a token.

use std::time::Instant;

use super::middleware::Next;
use super::request::Request;
use crate::api::log_request;
use crate::transport::Response;

/// Logs the request, the status of the response, and the duration. Probes and static files are logged at `debug` only.
pub(super) async fn middleware(request: Request, next: Next) -> Response {
    let (started, id) = (Instant::now(), request.id.clone());
    let (method, path, address) = (request.method.clone(), request.path.clone(), request.address);
    let is_quiet = matches!(request.pattern, "/health" | "/livez" | "/readyz" | "/static/{name}");
    let response = next.run(request).await;
    let status = response.status().as_u16();
    log_request(&method, &path, status, started, &id, address, is_quiet && status < 400);
    response
}
