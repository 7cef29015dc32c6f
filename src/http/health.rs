//! Whether the server is well.

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
}

#[derive(Serialize)]
struct Check {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
}

/// The process runs.
pub(super) async fn livez(_: Request) -> Result<Response> {
    #[derive(Serialize)]
    struct Alive {
        status: &'static str,
    }
    Ok(response::json(StatusCode::OK, &Alive { status: "ok" }))
}

/// It can serve: a load balancer that hears 503 sends nobody here.
pub(super) async fn readyz(request: Request) -> Result<Response> {
    health(request).await
}

/// 200 while it can serve; 503 while the store cannot be reached or the server drains.
pub(super) async fn health(request: Request) -> Result<Response> {
    let (reachable, draining) = (request.state.chat.is_store_healthy().await, request.state.draining.is_cancelled());
    let word = |well: bool, otherwise| if well { "ok" } else { otherwise };
    let well = reachable && !draining;
    let health = Health {
        status: if draining { "draining" } else { word(reachable, "unavailable") },
        version: env!("CARGO_PKG_VERSION"),
        checks: Checks {
            store: Check { status: word(reachable, "unavailable"), kind: Some(request.state.chat.store_kind()) },
            server: Check { status: word(!draining, "draining"), kind: None },
        },
    };
    Ok(response::json(if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, &health))
}
