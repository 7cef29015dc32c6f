//! The parts of a request that a WebSocket handshake needs.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::upgrade::OnUpgrade;
use hyper::{HeaderMap, Method, Version};

use super::app_state::AppState;
use super::connection_limits::SocketPermit;
use super::query::Query;

/// A request that asks for a WebSocket.
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct UpgradeRequest {
    pub state: Arc<AppState>,
    pub id: Arc<str>,
    pub method: Method,
    pub version: Version,
    pub headers: HeaderMap,
    pub query: Query,
    /// The client's address, also behind trusted proxies.
    pub address: IpAddr,
    /// The future of the socket. hyper resolves it after the response to the handshake.
    pub upgrade: Option<OnUpgrade>,
    pub permit: Arc<SocketPermit>,
}
