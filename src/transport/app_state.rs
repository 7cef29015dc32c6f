//! The state that all requests and connections share.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection_limits::ConnectionLimits;
use super::origins::Origins;
use crate::chat::Chat;

/// The state that all requests and connections share.
pub struct AppState {
    /// The operations.
    pub chat: Arc<Chat>,
    /// Which pages of other origins may use it.
    pub origins: Arc<Origins>,
    /// Networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How many sockets may be open.
    pub connection_limits: ConnectionLimits,
    /// Until a request's head must have arrived; also how long an idle connection is kept.
    pub head_timeout: Duration,
    /// Until a request's body must have arrived.
    pub body_timeout: Duration,
    /// Between two pings.
    pub heartbeat: Duration,
    /// How long a peer may take nothing of what is sent to it.
    pub peer_write_timeout: Duration,
    /// Owns the tasks of WebSockets.
    pub sockets: TaskTracker,
    /// Cancelled when the server begins to stop.
    pub draining: CancellationToken,
}
