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

/// The pool of readers. It opens a connection when a job needs one and none is idle.
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

    /// Runs `job` on a connection of the pool. The job sees everything that was committed before it began.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let result = async {
            let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(Error::internal)?;
            let idle = Arc::clone(&self.idle);
            // The job holds the permit until it ends, even if the caller has stopped waiting: its connection is still in use.
            spawn_blocking(move || {
                let _permit = permit;
                idle.lend(job)
            })
            .await
            .map_err(Error::internal)?
        };
        timeout(limits::QUERY_TIMEOUT, result).await.unwrap_or_else(|_| {
            Err(Error::unavailable(format!("SQLite: no answer to a read within {:?}", limits::QUERY_TIMEOUT)))
        })
    }
}

impl Idle {
    fn lend<T>(&self, job: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let idle = self.connections.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = idle.map_or_else(|| connection::reader(&self.path), Ok)?;
        // One transaction, so that all statements of a job see the same snapshot, and the read lock is taken once. A connection whose
        // job failed is closed, and the next job opens a new one.
        run(&connection, "BEGIN", [])?;
        let value = job(&connection)?;
        run(&connection, "COMMIT", [])?;
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok(value)
    }
}
