//! A server in the test's process, on a port of its own, started as the binary starts it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chinwag::bus::local::Local;
use chinwag::bus::{Bus, Inbox};
use chinwag::server::App;
use chinwag::server::config::Config;
use chinwag::store;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::bus::TestBus;
use super::client::TestUser;
use super::held_store::HeldStore;
use super::postgres;
use super::socket::TEST_TIMEOUT;

/// The stores that a server can have.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StoreKind {
    Sqlite,
    Postgres,
}

/// A running server, which stops on drop.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
    data: TempDir,
}

impl Server {
    /// Starts a server with the default configuration.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// Starts a server on this store.
    pub(crate) async fn on(store: StoreKind) -> Self {
        Self::on_with(store, &[]).await
    }

    /// Starts a server on this store with these arguments.
    pub(crate) async fn on_with(store: StoreKind, arguments: &[&str]) -> Self {
        Self::configured_on(store, arguments, |_| {}).await
    }

    /// Starts a server on this store with these arguments and with changes that no argument makes.
    pub(crate) async fn configured_on(store: StoreKind, arguments: &[&str], change: impl FnOnce(&mut Config)) -> Self {
        match store {
            StoreKind::Sqlite => Self::configured(arguments, change).await,
            StoreKind::Postgres => {
                let url = postgres::migrated_database().await;
                Self::configured(&[arguments, &["--database-url", &url]].concat(), change).await
            }
        }
    }

    /// Starts a server with these arguments.
    pub(crate) async fn with(arguments: &[&str]) -> Self {
        Self::configured(arguments, |_| {}).await
    }

    /// Starts a server with these arguments and with changes that no argument makes.
    pub(crate) async fn configured(arguments: &[&str], change: impl FnOnce(&mut Config)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut config = config(data.path(), arguments);
        change(&mut config);
        Self::open(config, data, TcpListener::bind("127.0.0.1:0").await.unwrap()).await
    }

    /// Starts a server with these arguments as a node on a bus. It reconciles once a `heartbeat`.
    pub(crate) async fn node(arguments: &[&str], heartbeat: Duration, bus: &Arc<TestBus>) -> Self {
        Self::configured_node(arguments, bus, |config| config.heartbeat = heartbeat).await
    }

    /// Starts a server with these arguments as a node on a bus, with changes that no argument makes.
    pub(crate) async fn configured_node(
        arguments: &[&str],
        bus: &Arc<TestBus>,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut config = config(data.path(), arguments);
        change(&mut config);
        let app = App::open_with_bus(config, |inbox| bus.join(inbox)).await.unwrap();
        Self::serve(app, data, TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    /// Starts a server without rate limits, and returns the [`HeldStore`] between it and its database.
    pub(crate) async fn held(store: StoreKind) -> (Self, Arc<HeldStore>) {
        Self::held_on(store, |inbox| Arc::new(Local::new(inbox))).await
    }

    /// Starts a server like [`Server::held`], as a node on a bus.
    pub(crate) async fn held_on(
        store: StoreKind,
        join: impl FnOnce(Arc<dyn Inbox>) -> Arc<dyn Bus>,
    ) -> (Self, Arc<HeldStore>) {
        Self::held_as(store, &["--rate-limits", "off"], join).await
    }

    /// Starts a server like [`Server::held`], with these arguments and thus with rate limits.
    pub(crate) async fn held_with(store: StoreKind, arguments: &[&str]) -> (Self, Arc<HeldStore>) {
        Self::held_as(store, arguments, |inbox| Arc::new(Local::new(inbox))).await
    }

    /// Starts a server like [`Server::held_with`], as a node on a bus.
    pub(crate) async fn held_as(
        store: StoreKind,
        arguments: &[&str],
        join: impl FnOnce(Arc<dyn Inbox>) -> Arc<dyn Bus>,
    ) -> (Self, Arc<HeldStore>) {
        let data = tempfile::tempdir().unwrap();
        let url = match store {
            StoreKind::Sqlite => format!("sqlite:{}", data.path().join("chinwag.db").display()),
            StoreKind::Postgres => postgres::migrated_database().await,
        };
        let held = HeldStore::wrapping(store::open(&url).await.unwrap());
        let config = config(data.path(), &[arguments, &["--database-url", &url]].concat());
        let app = App::open_with_store(config, Arc::clone(&held) as _, join).await.unwrap();
        (Self::serve(app, data, TcpListener::bind("127.0.0.1:0").await.unwrap()), held)
    }

    async fn open(config: Config, data: TempDir, listener: TcpListener) -> Self {
        Self::serve(App::open(config).await.unwrap(), data, listener)
    }

    fn serve(app: App, data: TempDir, listener: TcpListener) -> Self {
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(app.serve(listener, async { drop(stopped.await) }));
        Self { address, stop: Some(stop), serving, data }
    }

    /// Registers a user.
    pub(crate) async fn register(&self, username: &str) -> TestUser {
        TestUser::register(self.address, username).await
    }

    /// Starts a drain, as SIGTERM does.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Stops the server, and returns its data folder.
    pub(crate) async fn stopped(mut self) -> TempDir {
        self.stop();
        timeout(TEST_TIMEOUT, self.serving).await.expect("the server stops").unwrap();
        self.data
    }

    /// Stops a server with the default configuration and the embedded store, until [`OfflineServer::bring_online`].
    pub(crate) async fn take_offline(self) -> OfflineServer {
        let address = self.address;
        let data = self.stopped().await;
        OfflineServer { reserved_port: bind(address), address, data }
    }
}

/// A server that is stopped for a while. Its port stays reserved, so that connections are refused.
pub(crate) struct OfflineServer {
    reserved_port: TcpSocket,
    address: SocketAddr,
    data: TempDir,
}

impl OfflineServer {
    /// Runs statements on the database.
    pub(crate) fn execute(&self, statements: &str) {
        let database = rusqlite::Connection::open(self.data.path().join("chinwag.db")).unwrap();
        database.execute_batch(statements).unwrap();
    }

    /// Runs `work` against a server on another port, which the clients of the stopped server do not know.
    pub(crate) async fn while_offline(self, work: impl AsyncFnOnce(SocketAddr)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let elsewhere = Server::open(config(self.data.path(), &[]), self.data, listener).await;
        work(elsewhere.address).await;
        Self { data: elsewhere.stopped().await, ..self }
    }

    /// Starts the server at its port again.
    pub(crate) async fn bring_online(self) -> Server {
        let listener = bind(self.address).listen(1024).unwrap();
        drop(self.reserved_port);
        Server::open(config(self.data.path(), &[]), self.data, listener).await
    }
}

/// Binds a socket to a port without listening there, so that another socket may listen.
pub(crate) fn bind(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

fn config(data: &Path, arguments: &[&str]) -> Config {
    let data = data.to_str().unwrap();
    Config::read([&["chinwag", "--data", data], arguments].concat()).unwrap()
}
