//! What all requests share.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::cors::Origins;
use super::crowds::Crowds;
use super::rate_limit::RateLimits;
use super::router::Router;
use crate::chat::Chat;

/// The site.
pub struct Site {
    /// The verbs.
    pub chat: Arc<Chat>,
    /// The table.
    pub router: Router,
    /// Which pages of other origins may use it.
    pub origins: Arc<Origins>,
    /// Networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The rate limits, unless they are lifted.
    pub rate_limits: Option<RateLimits>,
    /// How many sockets there are.
    pub crowds: Crowds,
    /// Until a request's head must have arrived; also how long an idle connection is kept.
    pub head_timeout: Duration,
    /// Until a request's body must have arrived.
    pub body_timeout: Duration,
    /// Between two pings.
    pub heartbeat: Duration,
    /// How long a peer may take nothing of what is sent to it.
    pub stall: Duration,
    /// Owns the tasks of WebSockets.
    pub sockets: TaskTracker,
    /// Cancelled when the server begins to stop.
    pub draining: CancellationToken,
}
