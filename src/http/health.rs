//! The health of the server, for load balancers and monitoring.

use hyper::StatusCode;
use serde::Serialize;

use super::request::Request;
use super::response;
use crate::domain::Result;
use crate::transport::Response;

#[derive(Serialize)]
struct Health {
    status: &'static str,
    version: &'static str,
    checks: Checks,
}

#[derive(Serialize)]
struct Checks {
    store: Check,
    server: Check,
    /// The other nodes that this one knows. None on a store that a single process uses.
    #[serde(skip_serializing_if = "Option::is_none")]
    nodes: Option<Nodes>,
}

#[derive(Serialize)]
struct Nodes {
    others: usize,
}

#[derive(Serialize)]
struct Check {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
}

/// Returns 200 while the process runs.
pub(super) async fn livez(_: Request) -> Result<Response> {
    #[derive(Serialize)]
    struct Alive {
        status: &'static str,
    }
    Ok(response::json(StatusCode::OK, &Alive { status: "ok" }))
}

/// Returns 200 while the server can serve, and 503 otherwise, so that a load balancer sends no requests here.
pub(super) async fn readyz(request: Request) -> Result<Response> {
    health(request).await
}

/// Returns 200 while the server can serve. Returns 503 while the store cannot be reached or the server drains.
pub(super) async fn health(request: Request) -> Result<Response> {
    let (reachable, draining) = (request.state.chat.is_store_healthy().await, request.state.draining.is_cancelled());
    let status = |is_ok: bool, otherwise| if is_ok { "ok" } else { otherwise };
    let is_ok = reachable && !draining;
    let health = Health {
        status: if draining { "draining" } else { status(reachable, "unavailable") },
        version: env!("CARGO_PKG_VERSION"),
        checks: Checks {
            store: Check { status: status(reachable, "unavailable"), kind: Some(request.state.chat.store_kind()) },
            server: Check { status: status(!draining, "draining"), kind: None },
            nodes: request.state.chat.peers().map(|others| Nodes { others }),
        },
    };
    Ok(response::json(if is_ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, &health))
}
