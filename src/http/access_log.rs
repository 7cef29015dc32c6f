//! The access log: one line for each request. The query is left out, since a token may be in it.

use std::time::Instant;

use tracing::{debug, info};

use super::chain::Next;
use super::request::Request;
use crate::transport::Response;

/// Logs what was asked, what was answered, and how long it took. Probes are logged only at `debug`.
pub(super) async fn middleware(request: Request, next: Next) -> Response {
    let (started, id) = (Instant::now(), request.id.clone());
    let (method, path, address) = (request.method.clone(), request.path.clone(), request.address);
    let pattern = request.route.as_ref().map_or("", |found| found.route.pattern);
    let response = next.run(request).await;
    let status = response.status().as_u16();
    let ms = started.elapsed().as_secs_f64() * 1_000.0;
    let ms = (ms * 100.0).round() / 100.0;
    if matches!(pattern, "/health" | "/livez" | "/readyz" | "/static/{name}") && status < 400 {
        debug!(%method, path, status, ms, request_id = %id, %address, "request");
    } else {
        info!(%method, path, status, ms, request_id = %id, %address, "request");
    }
    response
}
