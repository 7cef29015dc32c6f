//! The composition root: assembles store, operations and transports, serves, and drains.

pub mod arguments;
pub mod commands;
pub mod config;
pub mod database;
pub mod nats;
mod nodes;
pub mod routes;
pub mod signals;
pub mod telemetry;

use std::sync::{Arc, Once};
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::bus::local::Local;
use crate::bus::{Bus, Inbox};
use crate::chat::{Chat, Settings};
use crate::domain::Incarnation;
use crate::http::router::{Route, Router};
use crate::http::{Server, serve};
use crate::store::{self, Store};
use crate::transport::{AppState, ConnectionLimits};
use crate::wire::close::Close;
use config::{Config, Switch};
use nodes::{Joining, Node};

/// The fraction of the drain time after which open WebSockets are closed, even with writes in flight.
const CLOSE_WEBSOCKETS_AFTER: f64 = 0.6;
/// The fraction of the drain time after which the server no longer waits for sockets. The rest is for committing the writes in flight.
const ABANDON_SOCKETS_AFTER: f64 = 0.9;

/// A server that is assembled and ready to serve.
pub struct App {
    server: Arc<Server>,
    /// The journal's lanes and the presence task.
    tasks: TaskTracker,
    /// Stops `tasks`.
    stop: CancellationToken,
    /// The tasks that join the node to others. They end after `tasks`, which publish until their end.
    node: Option<Node>,
    drain_time: Duration,
}

impl App {
    /// Opens and migrates the store, joins the other nodes that share it, and starts the background tasks. An error is one readable line.
    pub async fn open(config: Config) -> Result<Self, String> {
        Self::open_as_node(config, routes::all()).await
    }

    /// Like [`App::open`], with other routes.
    pub async fn open_with_routes(config: Config, table: &'static [Route]) -> Result<Self, String> {
        Self::open_as_node(config, table.iter().copied()).await
    }

    /// Like [`App::open`], with a bus of the caller.
    pub async fn open_with_bus(
        config: Config,
        join: impl FnOnce(Arc<dyn Inbox>) -> Arc<dyn Bus>,
    ) -> Result<Self, String> {
        let (secret, store) = Self::prepare(&config).await?;
        Self::assemble(config, secret, store, routes::all(), join).await
    }

    /// Like [`App::open_with_bus`], with a store that is already open.
    pub async fn open_with_store(
        config: Config,
        store: Arc<dyn Store>,
        join: impl FnOnce(Arc<dyn Inbox>) -> Arc<dyn Bus>,
    ) -> Result<Self, String> {
        config.prepare_data()?;
        let secret = config.secret()?;
        Self::assemble(config, secret, store, routes::all(), join).await
    }

    async fn open_as_node(config: Config, routes: impl IntoIterator<Item = Route>) -> Result<Self, String> {
        let (secret, store) = Self::prepare(&config).await?;
        let Some(joining) = Joining::prepare(&config, &secret, &store).await? else {
            return Self::assemble(config, secret, store, routes, |inbox| Arc::new(Local::new(inbox))).await;
        };
        let mut joined = None;
        let join = |inbox| {
            let (bus, node) = joining.join(inbox);
            joined = Some(node);
            bus
        };
        let mut app = Self::assemble(config, secret, store, routes, join).await?;
        if let Some(node) = joined {
            let chat = &app.server.state.chat;
            app.node = Some(node.start(chat.registry()).await?);
            // Nobody who asks this node while others are replaced is told that all are offline.
            chat.presence_settled().await;
        }
        Ok(app)
    }

    /// Returns the secret, and the store, opened and migrated.
    async fn prepare(config: &Config) -> Result<(Vec<u8>, Arc<dyn Store>), String> {
        config.prepare_data()?;
        let secret = config.secret()?;
        let store = store::open(&config.database.store_url()?).await;
        Ok((secret, store.map_err(|error| format!("DATABASE_URL: {}", error.detail))?))
    }

    async fn assemble(
        config: Config,
        secret: Vec<u8>,
        store: Arc<dyn Store>,
        routes: impl IntoIterator<Item = Route>,
        join: impl FnOnce(Arc<dyn Inbox>) -> Arc<dyn Bus>,
    ) -> Result<Self, String> {
        let unlimited = config.rate_limits == Switch::Off;
        let settings = Settings {
            secret,
            access_ttl: config.access_token_ttl,
            refresh_ttl: config.refresh_token_ttl,
            registration: config.registration,
            unlimited,
            heartbeat: config.heartbeat,
            subscriptions: config.subscriptions,
            presence: config.presence,
        };
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let chat = Chat::start(store, join, settings, &tasks, &stop).await.map_err(|error| error.to_string())?;
        let state = Arc::new(AppState {
            chat,
            origins: Arc::new(config.allowed_origins),
            trusted_proxies: config.trusted_proxies,
            untrusted_proxy: Once::new(),
            connection_limits: ConnectionLimits::new(unlimited),
            refusals: Arc::default(),
            head_timeout: config.head_timeout,
            body_timeout: config.body_timeout,
            heartbeat: config.heartbeat,
            peer_write_timeout: config.peer_write_timeout,
            sockets: TaskTracker::new(),
            draining: CancellationToken::new(),
        });
        let server = Arc::new(Server { state, router: Router::new(routes) });
        Ok(Self { server, tasks, stop, node: None, drain_time: Duration::from_secs(config.drain_seconds.into()) })
    }

    /// The id by which the log of other nodes names this one. `None` on a store that a single process uses.
    pub fn node_id(&self) -> Option<Incarnation> {
        self.node.as_ref().map(|node| node.id)
    }

    /// Serves on `listener` until `shutdown` resolves, then drains: `/readyz` returns 503, writes in flight are committed and
    /// acknowledged, and WebSockets get a time to reconnect and are closed. Returns within the drain time.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let close = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, Arc::clone(&self.server), close.clone()));
        shutdown.await;

        let state = &self.server.state;
        let registry = state.chat.registry();
        info!(connections = registry.count(), "draining: committing writes in flight, closing connections");
        let started = Instant::now();
        let at = |fraction: f64| started + self.drain_time.mul_f64(fraction);
        state.draining.cancel();
        state.sockets.close();
        if timeout_at(at(CLOSE_WEBSOCKETS_AFTER), state.sockets.wait()).await.is_err() {
            warn!(connections = registry.count(), "closing connections that still have writes in flight");
            for connection in registry.all() {
                connection.send_queue.close(Close::DRAINING);
            }
        }
        close.cancel();
        // Open sockets still wait for the journal, so its lanes stop only after them.
        let sockets_closed = async { tokio::join!(state.sockets.wait(), serving) };
        let sockets = timeout_at(at(ABANDON_SOCKETS_AFTER), sockets_closed).await;
        self.stop.cancel();
        self.tasks.close();
        if timeout_at(at(1.0), self.tasks.wait()).await.is_err() || sockets.is_err() {
            warn!(
                "the grace time is over; requests in progress are cut off; no write was acknowledged without being committed"
            );
        }
        if let Some(node) = self.node {
            node.end(at(1.0)).await;
        }
        state.refusals.report_all();
        info!("stopped");
    }
}

/// Raises the soft limit of open files to the hard limit, because each connection is a file. Returns the new limit.
pub fn raise_open_files() -> Option<u64> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        warn!(%error, "the limit of open files could not be raised");
    }
    getrlimit(Resource::Nofile).current
}
