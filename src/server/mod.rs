//! The composition root: store, operations and transports put together, and how they stop.

pub mod config;
pub mod routes;
pub mod telemetry;

use std::sync::Arc;
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
use crate::http::router::{Route, Router};
use crate::http::{Server, serve};
use crate::store::{self, Store};
use crate::transport::{AppState, ConnectionLimits};
use crate::wire::close::Close;
use config::{Config, Switch};

/// The part of the grace after which WebSockets that are still open are closed, answered or not.
const FOR_GOODBYES: f64 = 0.6;
/// The part of the grace after which no socket is waited for; the rest is for committing what was admitted.
const FOR_SOCKETS: f64 = 0.9;

/// A server that is ready to serve.
pub struct App {
    server: Arc<Server>,
    /// The journal's lanes and the presence task.
    tasks: TaskTracker,
    /// Ends those tasks.
    stop: CancellationToken,
    drain_time: Duration,
}

impl App {
    /// Opens the store, migrates it, and starts what runs behind the doors. An error is one line for people.
    pub async fn open(config: Config) -> Result<Self, String> {
        Self::assemble(config, routes::all(), alone).await
    }

    /// Like [`App::open`], on a bus that other nodes may be on.
    pub async fn open_on(config: Config, join: impl FnOnce(Arc<dyn Inbox>) -> Arc<dyn Bus>) -> Result<Self, String> {
        Self::assemble(config, routes::all(), join).await
    }

    /// Like [`App::open`], with other routes.
    pub async fn open_with(config: Config, table: &'static [Route]) -> Result<Self, String> {
        Self::assemble(config, table.iter().copied(), alone).await
    }

    /// Like [`App::open_on`], over a store that is open.
    pub async fn open_over(
        config: Config,
        store: Arc<dyn Store>,
        join: impl FnOnce(Arc<dyn Inbox>) -> Arc<dyn Bus>,
    ) -> Result<Self, String> {
        config.prepare_data()?;
        let secret = config.secret()?;
        Self::assemble_over(config, secret, store, routes::all(), join).await
    }

    async fn assemble(
        config: Config,
        routes: impl IntoIterator<Item = Route>,
        join: impl FnOnce(Arc<dyn Inbox>) -> Arc<dyn Bus>,
    ) -> Result<Self, String> {
        config.prepare_data()?;
        let secret = config.secret()?;
        let store =
            store::open(&config.store_url()?).await.map_err(|error| format!("DATABASE_URL: {}", error.detail))?;
        Self::assemble_over(config, secret, store, routes, join).await
    }

    async fn assemble_over(
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
            unlimited,
            heartbeat: config.heartbeat,
        };
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let chat = Chat::start(store, join, settings, &tasks, &stop).await.map_err(|error| error.to_string())?;
        let state = Arc::new(AppState {
            chat,
            origins: Arc::new(config.allowed_origins),
            trusted_proxies: config.trusted_proxies,
            connection_limits: ConnectionLimits::new(unlimited),
            head_timeout: config.head_timeout,
            body_timeout: config.body_timeout,
            heartbeat: config.heartbeat,
            peer_write_timeout: config.stall,
            sockets: TaskTracker::new(),
            draining: CancellationToken::new(),
        });
        let server = Arc::new(Server { state, router: Router::new(routes) });
        Ok(Self { server, tasks, stop, drain_time: Duration::from_secs(config.drain_seconds.into()) })
    }

    /// Serves on `listener` until `shutdown` resolves, then drains: readiness goes 503, sends in flight are committed and
    /// answered, sockets close with a hint when to come back. Returns within the grace time.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let close = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, Arc::clone(&self.server), close.clone()));
        shutdown.await;

        let state = &self.server.state;
        let registry = state.chat.registry();
        info!(connections = registry.count(), "draining");
        let begun = Instant::now();
        let at = |part: f64| begun + self.drain_time.mul_f64(part);
        state.draining.cancel();
        state.sockets.close();
        if timeout_at(at(FOR_GOODBYES), state.sockets.wait()).await.is_err() {
            warn!(connections = registry.count(), "these take too long and are closed");
            for connection in registry.all() {
                connection.send_queue.close(Close::DRAINING);
            }
        }
        close.cancel();
        // What is open still waits for the journal's answers, so it goes on until all are gone.
        let open = async { tokio::join!(state.sockets.wait(), serving) };
        let served = timeout_at(at(FOR_SOCKETS), open).await;
        self.stop.cancel();
        self.tasks.close();
        if timeout_at(at(1.0), self.tasks.wait()).await.is_err() || served.is_err() {
            warn!("the grace time is over; what was not committed was not acknowledged");
        }
        info!("stopped");
    }
}

/// The bus of a node that is alone.
fn alone(inbox: Arc<dyn Inbox>) -> Arc<dyn Bus> {
    Arc::new(Local::new(inbox))
}

/// Raises the soft limit of open files to the hard one: a connection is a file. Returns the limit.
pub fn raise_open_files() -> Option<u64> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        warn!(%error, "the limit of open files could not be raised");
    }
    getrlimit(Resource::Nofile).current
}
