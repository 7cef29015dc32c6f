//! The server put together: store, verbs, site; and how it stops.

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
use crate::config::{Config, Switch};
use crate::http::router::Router;
use crate::http::routes::{ROUTES, Route};
use crate::http::server;
use crate::http::site::Site;
use crate::http::{Crowds, RateLimits};
use crate::store::{self, Store};
use crate::ws::DRAINING;

/// The part of the grace after which WebSockets that are still open are closed, answered or not.
const FOR_GOODBYES: f64 = 0.6;
/// The part of the grace after which no socket is waited for; the rest is for committing what was admitted.
const FOR_SOCKETS: f64 = 0.9;

/// A server that is ready to serve.
pub struct App {
    site: Arc<Site>,
    /// The journal's lanes and the presence task.
    tasks: TaskTracker,
    /// Ends those tasks.
    stop: CancellationToken,
    drain_time: Duration,
}

impl App {
    /// Opens the store, migrates it, and starts what runs behind the doors. An error is one line for people.
    pub async fn open(config: Config) -> Result<Self, String> {
        Self::assemble(config, ROUTES, alone).await
    }

    /// Like [`App::open`], on a bus that other nodes may be on.
    pub async fn open_on(config: Config, join: impl FnOnce(Arc<dyn Inbox>) -> Arc<dyn Bus>) -> Result<Self, String> {
        Self::assemble(config, ROUTES, join).await
    }

    /// Like [`App::open`], with another table behind the doors.
    pub async fn open_with(config: Config, table: &'static [Route]) -> Result<Self, String> {
        Self::assemble(config, table, alone).await
    }

    /// Like [`App::open_on`], over a store that is open.
    pub async fn open_over(
        config: Config,
        store: Arc<dyn Store>,
        join: impl FnOnce(Arc<dyn Inbox>) -> Arc<dyn Bus>,
    ) -> Result<Self, String> {
        config.prepare_data()?;
        let secret = config.secret()?;
        Self::assemble_over(config, secret, store, ROUTES, join).await
    }

    async fn assemble(
        config: Config,
        table: &'static [Route],
        join: impl FnOnce(Arc<dyn Inbox>) -> Arc<dyn Bus>,
    ) -> Result<Self, String> {
        config.prepare_data()?;
        let secret = config.secret()?;
        let store =
            store::open(&config.store_url()?).await.map_err(|error| format!("DATABASE_URL: {}", error.detail))?;
        Self::assemble_over(config, secret, store, table, join).await
    }

    async fn assemble_over(
        config: Config,
        secret: Vec<u8>,
        store: Arc<dyn Store>,
        table: &'static [Route],
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
        let site = Arc::new(Site {
            chat,
            router: Router::new(table),
            origins: Arc::new(config.allowed_origins),
            trusted_proxies: config.trusted_proxies,
            rate_limits: (!unlimited).then(RateLimits::default),
            crowds: Crowds::new(unlimited),
            head_timeout: config.head_timeout,
            body_timeout: config.body_timeout,
            heartbeat: config.heartbeat,
            stall: config.stall,
            sockets: TaskTracker::new(),
            draining: CancellationToken::new(),
        });
        Ok(Self { site, tasks, stop, drain_time: Duration::from_secs(config.drain_seconds.into()) })
    }

    /// Serves on `listener` until `shutdown` resolves, then drains: readiness goes 503, sends in flight are committed and
    /// answered, sockets close with a hint when to come back. Returns within the grace time.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let close = CancellationToken::new();
        let serving = tokio::spawn(server::serve(listener, Arc::clone(&self.site), close.clone()));
        shutdown.await;

        let registry = self.site.chat.registry();
        info!(connections = registry.count(), "draining");
        let begun = Instant::now();
        let at = |part: f64| begun + self.drain_time.mul_f64(part);
        self.site.draining.cancel();
        self.site.sockets.close();
        if timeout_at(at(FOR_GOODBYES), self.site.sockets.wait()).await.is_err() {
            warn!(connections = registry.count(), "these take too long and are closed");
            for connection in registry.all() {
                connection.outbox.close(DRAINING);
            }
        }
        close.cancel();
        // What is open still waits for the journal's answers, so it goes on until all are gone.
        let open = async { tokio::join!(self.site.sockets.wait(), serving) };
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
