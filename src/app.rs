//! The server put together: store, verbs, site; and how it stops.

use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::chat::{Chat, Settings};
use crate::config::{Config, Switch};
use crate::http::RateLimits;
use crate::http::router::Router;
use crate::http::routes::ROUTES;
use crate::http::server;
use crate::http::site::Site;
use crate::store;

/// What is left of the grace for committing what was admitted, once all sockets are closed.
const LAST_COMMIT: Duration = Duration::from_secs(5);

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
        config.prepare_data()?;
        let secret = config.secret()?;
        let store =
            store::open(&config.store_url()).await.map_err(|error| format!("DATABASE_URL: {}", error.detail))?;
        let unlimited = config.rate_limits == Switch::Off;
        let settings =
            Settings { secret, access_ttl: config.access_token_ttl, refresh_ttl: config.refresh_token_ttl, unlimited };
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let chat = Chat::start(store, settings, &tasks, &stop).await.map_err(|error| error.to_string())?;
        let site = Arc::new(Site {
            chat: Arc::new(chat),
            router: Router::new(ROUTES),
            origins: Arc::new(config.allowed_origins),
            trusted_proxies: config.trusted_proxies,
            rate_limits: (!unlimited).then(RateLimits::default),
            heartbeat: config.heartbeat,
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

        info!(connections = self.site.chat.registry().count(), "draining");
        self.site.draining.cancel();
        self.site.sockets.close();
        let drained = timeout(self.drain_time, async {
            self.site.sockets.wait().await;
            close.cancel();
            serving.await
        });
        if drained.await.is_err() {
            warn!(connections = self.site.chat.registry().count(), "the grace time is over");
            close.cancel();
        }
        self.stop.cancel();
        self.tasks.close();
        if timeout(LAST_COMMIT, self.tasks.wait()).await.is_err() {
            warn!("the journal could not commit all that was admitted; it was not acknowledged");
        }
        info!("stopped");
    }
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
