//! The one thread that writes. Because there is one, no task of this process waits for SQLite's lock on another.
//!
//! Jobs of the journal and all others have a queue each, and take turns. So a flood of other changes delays a batch of sends by one of them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::wal::Wal;
use crate::domain::{Code, Error, Result};
use crate::limits;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// The queues of the thread that writes. Dropping them waits until all their jobs are done.
pub(super) struct Writer {
    // Dropped in this order: the thread ends when its queues are closed and drained.
    journal: mpsc::Sender<Job>,
    others: mpsc::Sender<Job>,
    _thread: WriterThread,
    /// True if the last write failed because SQLite was unavailable.
    last_write_failed: Arc<AtomicBool>,
}

/// The queues' other ends.
struct Turns {
    journal: mpsc::Receiver<Job>,
    others: mpsc::Receiver<Job>,
    /// The next job is one of the journal, if one waits.
    is_journals: bool,
}

impl Turns {
    /// Waits for the next job. Returns `None` when both queues are closed and drained.
    async fn next(&mut self) -> Option<Job> {
        let (job, is_journals) = if self.is_journals {
            tokio::select! {
                biased;
                Some(job) = self.journal.recv() => (job, true),
                Some(job) = self.others.recv() => (job, false),
                else => return None,
            }
        } else {
            tokio::select! {
                biased;
                Some(job) = self.others.recv() => (job, false),
                Some(job) = self.journal.recv() => (job, true),
                else => return None,
            }
        };
        self.is_journals = !is_journals;
        Some(job)
    }
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
        let (journal, journal_jobs) = mpsc::channel::<Job>(limits::SQLITE_WRITER_QUEUE_MAX);
        let (others, other_jobs) = mpsc::channel::<Job>(limits::SQLITE_WRITER_QUEUE_MAX);
        let mut turns = Turns { journal: journal_jobs, others: other_jobs, is_journals: true };
        // Without drivers: it only waits for the queues.
        let waiting = Builder::new_current_thread().build().map_err(Error::unavailable)?;
        let thread = thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || {
                while let Some(job) = waiting.block_on(turns.next()) {
                    job(&mut connection);
                    wal.enforce_bounds(&connection);
                }
            })
            .map_err(Error::unavailable)?;
        Ok(Self { journal, others, _thread: WriterThread(Some(thread)), last_write_failed: Arc::default() })
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

    /// Runs a batch of the journal in a transaction of its own. Commits the transaction if `job` succeeds.
    pub(super) async fn run_batch<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.run_in(&self.journal, job).await
    }

    /// Runs any other `job` in a transaction of its own. Commits the transaction if `job` succeeds.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.run_in(&self.others, job).await
    }

    async fn run_in<T: Send + 'static>(
        &self,
        queue: &mpsc::Sender<Job>,
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
            queue.send(job).await.map_err(|_| Error::unavailable("SQLite's writer thread has ended"))?;
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, PoisonError};

    use tokio::sync::mpsc;

    use super::{Job, Turns};

    #[tokio::test]
    async fn the_journal_and_all_else_take_turns() {
        let ((journal, journal_jobs), (others, other_jobs)) = (mpsc::channel::<Job>(8), mpsc::channel::<Job>(8));
        let mut turns = Turns { journal: journal_jobs, others: other_jobs, is_journals: true };
        let done = Arc::new(Mutex::new(String::new()));
        let job = |name: char| -> Job {
            let done = Arc::clone(&done);
            Box::new(move |_| done.lock().unwrap_or_else(PoisonError::into_inner).push(name))
        };
        for _ in 0..5 {
            others.try_send(job('o')).expect("room");
        }
        for _ in 0..2 {
            journal.try_send(job('j')).expect("room");
        }
        drop((journal, others));
        let mut connection = rusqlite::Connection::open_in_memory().expect("a database");
        while let Some(job) = turns.next().await {
            job(&mut connection);
        }
        assert_eq!(done.lock().unwrap_or_else(PoisonError::into_inner).as_str(), "jojoooo");
    }
}
