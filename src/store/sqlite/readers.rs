//! Connections that read, each on a blocking thread while it is used.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::connection;
use super::sql::run;
use crate::domain::{Error, Result};
use crate::limits;

/// The pool of readers. Connections are opened when they are first needed.
pub(super) struct Readers {
    permits: Arc<Semaphore>,
    idle: Arc<Idle>,
}

struct Idle {
    path: PathBuf,
    connections: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(limits::SQLITE_READERS)),
            idle: Arc::new(Idle { path, connections: Mutex::new(Vec::with_capacity(limits::SQLITE_READERS)) }),
        }
    }

    /// Runs `job` on a connection of the pool. It sees all that was committed before it began.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let done = async {
            let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(Error::internal)?;
            let idle = Arc::clone(&self.idle);
            // The permit goes along: a reader that nobody waits for any more is still in use.
            spawn_blocking(move || {
                let _permit = permit;
                idle.lend(job)
            })
            .await
            .map_err(Error::internal)?
        };
        timeout(limits::QUERY_TIMEOUT, done)
            .await
            .unwrap_or_else(|_| Err(Error::unavailable("SQLite's readers are late")))
    }
}

impl Idle {
    fn lend<T>(&self, job: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let idle = self.connections.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = idle.map_or_else(|| connection::reader(&self.path), Ok)?;
        // All that one job asks is answered by one moment, and the lock that says so is taken once. One that failed is closed: the
        // next reader starts afresh.
        run(&connection, "BEGIN", [])?;
        let value = job(&connection)?;
        run(&connection, "COMMIT", [])?;
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok(value)
    }
}
