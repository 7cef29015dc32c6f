//! A server in this process, as the binary starts it, on a port of its own.

use std::net::SocketAddr;
use std::path::Path;

use chinwag::app::App;
use chinwag::config::Config;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::client::Person;
use super::postgres;

/// The stores that a server can have.
#[derive(Clone, Copy, Debug)]
pub(crate) enum On {
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
    pub(crate) async fn on(store: On) -> Self {
        match store {
            On::Sqlite => Self::start().await,
            On::Postgres => Self::with(&["--database-url", &postgres::database().await]).await,
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
        let app = App::open(config).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
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
        self.serving.await.unwrap();
        self.data
    }
}

fn config(data: &Path, arguments: &[&str]) -> Config {
    let data = data.to_str().unwrap();
    Config::of(["--data", data].into_iter().chain(arguments.iter().copied())).unwrap()
}
