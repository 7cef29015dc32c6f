//! The one thread that writes. Because there is one, no task of this process waits for SQLite's lock on another.

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

/// The queue of the thread that writes. Dropping it waits until all jobs in the queue are done.
pub(super) struct Writer {
    // Dropped in this order: the thread ends when its queue is closed and drained.
    queue: mpsc::Sender<Job>,
    _thread: WriterThread,
    /// True if the last write failed because SQLite was unavailable.
    last_write_failed: Arc<AtomicBool>,
}

/// Joins the thread when it is dropped.
struct WriterThread(Option<JoinHandle<()>>);

impl Drop for WriterThread {
    fn drop(&mut self) {
        if self.0.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("SQLite's writer thread panicked");
        }
    }
}

impl Writer {
    /// Starts the thread that owns the connection.
    pub(super) fn start(mut connection: Connection, path: &Path) -> Result<Self> {
        let mut wal = Wal::of(path);
        let (queue, mut jobs) = mpsc::channel::<Job>(limits::SQLITE_WRITER_QUEUE_MAX);
        let thread = thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || {
                while let Some(job) = jobs.blocking_recv() {
                    job(&mut connection);
                    wal.enforce_bounds(&connection);
                }
            })
            .map_err(Error::unavailable)?;
        Ok(Self { queue, _thread: WriterThread(Some(thread)), last_write_failed: Arc::default() })
    }

    /// Fails if the writer cannot write. Takes SQLite's lock, which another process may hold. After a write that failed, for example
    /// because the disk is full, succeeds only once a write succeeds.
    pub(super) async fn probe(&self) -> Result<()> {
        if !self.last_write_failed.load(Ordering::Relaxed) {
            return self.run(|_| Ok(())).await;
        }
        self.run(rewrite).await?;
        self.last_write_failed.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Runs `job` in a transaction of its own. Commits the transaction if `job` succeeds.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, result) = oneshot::channel();
        let last_write_failed = Arc::clone(&self.last_write_failed);
        let job: Job = Box::new(move |connection| {
            // A caller that gave up tries again, or needs no result. To run its job now would only delay the others.
            if !reply.is_closed() {
                let changes_before = connection.total_changes();
                let done = transact(connection, job);
                match &done {
                    Ok(_) if connection.total_changes() > changes_before => {
                        last_write_failed.store(false, Ordering::Relaxed);
                    }
                    Err(error) if error.code == Code::Unavailable => last_write_failed.store(true, Ordering::Relaxed),
                    _ => {}
                }
                let _ = reply.send(done);
            }
        });
        let done = async {
            self.queue.send(job).await.map_err(|_| Error::unavailable("SQLite's writer thread has ended"))?;
            result.await.map_err(|_| Error::unavailable("SQLite's writer thread has ended"))?
        };
        timeout(limits::QUERY_TIMEOUT, done).await.unwrap_or_else(|_| {
            Err(Error::unavailable(format!("SQLite: no answer to a write within {:?}", limits::QUERY_TIMEOUT)))
        })
    }
}

/// Writes a setting that chinwag does not use. SQLite writes it even if the value is the same.
fn rewrite(transaction: &Transaction<'_>) -> Result<()> {
    Ok(transaction.pragma_update(None, "user_version", 0)?)
}

/// Runs `job` in a transaction. It begins IMMEDIATE, because SQLite returns "busy" at once to a transaction that begins with a read and
/// writes later.
fn transact<T>(connection: &mut Connection, job: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let value = job(&transaction)?;
    transaction.commit()?;
    Ok(value)
}
