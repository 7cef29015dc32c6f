//! The access log: one line for each request. The query is left out, since a token may be in it.

use std::time::Instant;

use super::middleware::Next;
use super::request::Request;
use crate::api::log_request;
use crate::transport::Response;

/// Logs what was asked, what was answered, and how long it took. Probes are logged only at `debug`.
pub(super) async fn middleware(request: Request, next: Next) -> Response {
    let (started, id) = (Instant::now(), request.id.clone());
    let (method, path, address) = (request.method.clone(), request.path.clone(), request.address);
    let is_quiet = matches!(request.pattern, "/health" | "/livez" | "/readyz" | "/static/{name}");
    let response = next.run(request).await;
    let status = response.status().as_u16();
    log_request(&method, &path, status, started, &id, address, is_quiet && status < 400);
    response
}
