//! The state that all requests and connections share.

use std::sync::{Arc, Once};
use std::time::Duration;

use ipnet::IpNet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection_limits::ConnectionLimits;
use super::origins::Origins;
use crate::api::RefusalLog;
use crate::chat::Chat;

/// The state that all requests and connections share.
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct AppState {
    pub chat: Arc<Chat>,
    /// The origins whose pages may use the API.
    pub origins: Arc<Origins>,
    /// The networks whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// The first peer that is not trusted and sends `X-Forwarded-For` is named in a warning.
    pub untrusted_proxy: Once,
    pub connection_limits: ConnectionLimits,
    pub refusals: Arc<RefusalLog>,
    /// The time in which the head of a request must arrive. An idle HTTP connection is closed after the same time.
    pub head_timeout: Duration,
    /// The time in which the body of a request must arrive.
    pub body_timeout: Duration,
    /// The interval between two pings.
    pub heartbeat: Duration,
    /// The time after which a socket is closed when its peer accepts no bytes.
    pub peer_write_timeout: Duration,
    /// The tasks of WebSocket connections.
    pub sockets: TaskTracker,
    /// Cancelled when the server starts to drain.
    pub draining: CancellationToken,
}
