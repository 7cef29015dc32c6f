//! A server in this process, as the binary starts it, on a port of its own.

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
use super::client::Person;
use super::held_store::HeldStore;
use super::postgres;
use super::socket::PATIENCE;

/// The stores that a server can have.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StoreKind {
    Sqlite,
    Postgres,
}

/// A running server. Dropping it stops it.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
    data: TempDir,
}

impl Server {
    /// A server with nothing configured.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// A server on this store.
    pub(crate) async fn on(store: StoreKind) -> Self {
        Self::on_with(store, &[]).await
    }

    /// A server on this store, with these arguments.
    pub(crate) async fn on_with(store: StoreKind, arguments: &[&str]) -> Self {
        match store {
            StoreKind::Sqlite => Self::with(arguments).await,
            StoreKind::Postgres => {
                let url = postgres::database().await;
                Self::with(&[arguments, &["--database-url", &url]].concat()).await
            }
        }
    }

    /// A server with these arguments.
    pub(crate) async fn with(arguments: &[&str]) -> Self {
        Self::configured(arguments, |_| {}).await
    }

    /// A server with these arguments and what no argument changes.
    pub(crate) async fn configured(arguments: &[&str], change: impl FnOnce(&mut Config)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut config = config(data.path(), arguments);
        change(&mut config);
        Self::open(config, data, TcpListener::bind("127.0.0.1:0").await.unwrap()).await
    }

    /// A server with these arguments, as a node on a bus, that looks for what it missed once a `heartbeat`.
    pub(crate) async fn node(arguments: &[&str], heartbeat: Duration, ether: &Arc<TestBus>) -> Self {
        let data = tempfile::tempdir().unwrap();
        let config = Config { heartbeat, ..config(data.path(), arguments) };
        let app = App::open_with_bus(config, |inbox| ether.join(inbox)).await.unwrap();
        Self::serve(app, data, TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    /// A server without rate limits, and the store between it and its database that can be held up.
    pub(crate) async fn held(store: StoreKind) -> (Self, Arc<HeldStore>) {
        Self::held_on(store, |inbox| Arc::new(Local::new(inbox))).await
    }

    /// Like [`Server::held`], as a node on a bus.
    pub(crate) async fn held_on(
        store: StoreKind,
        join: impl FnOnce(Arc<dyn Inbox>) -> Arc<dyn Bus>,
    ) -> (Self, Arc<HeldStore>) {
        let data = tempfile::tempdir().unwrap();
        let url = match store {
            StoreKind::Sqlite => format!("sqlite:{}", data.path().join("chinwag.db").display()),
            StoreKind::Postgres => postgres::database().await,
        };
        let held = HeldStore::over(store::open(&url).await.unwrap());
        let config = config(data.path(), &["--rate-limits", "off", "--database-url", &url]);
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

    /// Somebody new.
    pub(crate) async fn person(&self, username: &str) -> Person {
        Person::register(self.address, username).await
    }

    /// Tells it to stop, as SIGTERM does.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until it has stopped, and leaves its data.
    pub(crate) async fn stopped(mut self) -> TempDir {
        self.stop();
        timeout(PATIENCE, self.serving).await.expect("the server stops").unwrap();
        self.data
    }

    /// Stops it for a while, with nothing configured and the embedded store.
    pub(crate) async fn away(self) -> Away {
        let address = self.address;
        let data = self.stopped().await;
        Away { place: bind(address), address, data }
    }
}

/// A server that is away. Its port is kept for it: whoever connects is refused.
pub(crate) struct Away {
    place: TcpSocket,
    address: SocketAddr,
    data: TempDir,
}

impl Away {
    /// Something that happens on another port meanwhile, where those who wait for the server do not see it.
    pub(crate) async fn meanwhile(self, work: impl AsyncFnOnce(SocketAddr)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let elsewhere = Server::open(config(self.data.path(), &[]), self.data, listener).await;
        work(elsewhere.address).await;
        Self { data: elsewhere.stopped().await, ..self }
    }

    /// It is back at its port.
    pub(crate) async fn back(self) -> Server {
        let listener = bind(self.address).listen(1024).unwrap();
        drop(self.place);
        Server::open(config(self.data.path(), &[]), self.data, listener).await
    }
}

/// A socket that has a port and does not listen there, which another may then do.
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
