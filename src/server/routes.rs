//! The routes of the server: the operations, the page and health, and the WebSocket addresses. No other file uses both transports.

use crate::api::OPERATIONS;
use crate::domain::{ConversationId, Result};
use crate::http::Request;
use crate::http::endpoint::Endpoint;
use crate::http::router::Route;
use crate::http::routes::{ROUTES, route};
use crate::transport::Response;
use crate::ws::upgrade;

/// These have more ways to authenticate than operations have; see [`upgrade`].
static WEBSOCKET_ROUTES: &[Route] =
    &[route("GET", "/ws", &all_conversations), route("GET", "/ws/{conversation_id}", &one)];

/// Returns every route of the server.
pub fn all() -> impl Iterator<Item = Route> {
    let operations = OPERATIONS.iter().map(|operation| Route {
        method: operation.method,
        pattern: operation.path,
        endpoint: Endpoint::Operation(operation),
    });
    operations.chain(ROUTES.iter().copied()).chain(WEBSOCKET_ROUTES.iter().copied())
}

async fn all_conversations(request: Request) -> Result<Response> {
    upgrade::all(request.into_upgrade())
}

async fn one(request: Request) -> Result<Response> {
    let id = request.path_id("conversation_id", "conversation", ConversationId::parse)?;
    upgrade::one(request.into_upgrade(), id)
}
