//! The one thread that writes, so that nobody in this process ever waits for SQLite's lock on another.

use std::path::Path;
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::log::Log;
use crate::domain::{Error, Result};
use crate::limits;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// The way to the thread that writes. Dropping it waits until all that was asked is done.
pub(super) struct Writer {
    // Dropped in this order: the thread ends when its queue is closed and drained.
    queue: mpsc::Sender<Job>,
    _thread: Joined,
}

struct Joined(Option<JoinHandle<()>>);

impl Drop for Joined {
    fn drop(&mut self) {
        if self.0.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("SQLite's writer had panicked");
        }
    }
}

impl Writer {
    /// Gives the connection to a thread of its own.
    pub(super) fn start(mut connection: Connection, path: &Path) -> Result<Self> {
        let mut log = Log::of(path);
        let (queue, mut jobs) = mpsc::channel::<Job>(limits::SQLITE_WRITER_QUEUE);
        let thread = thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || {
                while let Some(job) = jobs.blocking_recv() {
                    job(&mut connection);
                    log.bound(&connection);
                }
            })
            .map_err(Error::unavailable)?;
        Ok(Self { queue, _thread: Joined(Some(thread)) })
    }

    /// Runs `job` in a transaction of its own, which is committed if it succeeds.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // Whoever gave up will ask again, or does not care; doing it now would only keep others waiting.
            if !answer.is_closed() {
                let _ = answer.send(transact(connection, job));
            }
        });
        let done = async {
            self.queue.send(job).await.map_err(|_| Error::unavailable("SQLite's writer is gone"))?;
            answered.await.map_err(|_| Error::unavailable("SQLite's writer is gone"))?
        };
        timeout(limits::QUERY_TIMEOUT, done)
            .await
            .unwrap_or_else(|_| Err(Error::unavailable("SQLite's writer is late")))
    }
}

/// IMMEDIATE, because a transaction that becomes a writer halfway is told at once that the database is busy.
fn transact<T>(connection: &mut Connection, job: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let value = job(&transaction)?;
    transaction.commit()?;
    Ok(value)
}
