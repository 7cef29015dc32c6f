//! All routes: the operations, the rows that are HTTP's alone, and those that open a WebSocket. Only here do the transports meet.

use crate::api::OPERATIONS;
use crate::domain::{ConversationId, Result};
use crate::http::Request;
use crate::http::endpoint::Endpoint;
use crate::http::router::Route;
use crate::http::routes::{ROUTES, route};
use crate::transport::Response;
use crate::ws::upgrade;

/// Clients authenticate in ways of their own here, see [`upgrade`].
static WEBSOCKET_ROUTES: &[Route] =
    &[route("GET", "/ws", &all_conversations), route("GET", "/ws/{conversation_id}", &one)];

/// Every route of the server.
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
