//! The one thread that writes, so that nobody in this process ever waits for SQLite's lock on another.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::wal::Wal;
use crate::domain::{Code, Error, Result};
use crate::limits;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// The way to the thread that writes. Dropping it waits until all that was asked is done.
pub(super) struct Writer {
    // Dropped in this order: the thread ends when its queue is closed and drained.
    queue: mpsc::Sender<Job>,
    _thread: Joined,
    /// Whether the last thing that was to be written could not be.
    in_doubt: Arc<AtomicBool>,
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
        let mut wal = Wal::of(path);
        let (queue, mut jobs) = mpsc::channel::<Job>(limits::SQLITE_WRITER_QUEUE_MAX);
        let thread = thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || {
                while let Some(job) = jobs.blocking_recv() {
                    job(&mut connection);
                    wal.bound(&connection);
                }
            })
            .map_err(Error::unavailable)?;
        Ok(Self { queue, _thread: Joined(Some(thread)), in_doubt: Arc::default() })
    }

    /// Whether it can write. It takes the lock, which another process may hold; and after a failure, such as a full disk, it is
    /// believed only once something was written.
    pub(super) async fn probe(&self) -> Result<()> {
        if !self.in_doubt.load(Ordering::Relaxed) {
            return self.run(|_| Ok(())).await;
        }
        self.run(rewrite).await?;
        self.in_doubt.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Runs `job` in a transaction of its own, which is committed if it succeeds.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let in_doubt = Arc::clone(&self.in_doubt);
        let job: Job = Box::new(move |connection| {
            // Whoever gave up will ask again, or does not care; doing it now would only keep others waiting.
            if !answer.is_closed() {
                let before = connection.total_changes();
                let done = transact(connection, job);
                match &done {
                    Ok(_) if connection.total_changes() > before => in_doubt.store(false, Ordering::Relaxed),
                    Err(error) if error.code == Code::Unavailable => in_doubt.store(true, Ordering::Relaxed),
                    _ => {}
                }
                let _ = answer.send(done);
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

/// Writes where nobody looks: even what is there already is written again.
fn rewrite(transaction: &Transaction<'_>) -> Result<()> {
    Ok(transaction.pragma_update(None, "user_version", 0)?)
}

/// IMMEDIATE, because a transaction that becomes a writer halfway is told at once that the database is busy.
fn transact<T>(connection: &mut Connection, job: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let value = job(&transaction)?;
    transaction.commit()?;
    Ok(value)
}
