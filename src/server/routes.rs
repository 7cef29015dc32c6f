//! The rows of the table that open a WebSocket. Only here do the two transports meet.

use hyper::Method;

use crate::domain::{ConversationId, Result};
use crate::http::Request;
use crate::http::routes::{Access, Route, route};
use crate::transport::Response;
use crate::ws::upgrade;

/// Clients authenticate in ways of their own here, see [`upgrade`].
pub static WEBSOCKET_ROUTES: &[Route] = &[
    route(&Method::GET, "/ws", Access::Public, &all),
    route(&Method::GET, "/ws/{conversation_id}", Access::Public, &one),
];

async fn all(request: Request) -> Result<Response> {
    upgrade::all(request.into_upgrade())
}

async fn one(request: Request) -> Result<Response> {
    let id = request.path_id("conversation_id", "conversation", ConversationId::parse)?;
    upgrade::one(request.into_upgrade(), id)
}
