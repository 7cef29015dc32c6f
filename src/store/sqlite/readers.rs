//! Connections that read, each on a blocking thread while it is used.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, InterruptHandle};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::connection;
use super::sql::{caller_has_gone, run};
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

    /// Runs `job` on a connection of the pool. The job sees everything that was committed before it began. It is interrupted if the caller
    /// stops waiting: when its client goes, when the time for the answer is over, and after [`limits::QUERY_TIMEOUT`].
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let result = async {
            let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(Error::internal)?;
            let idle = Arc::clone(&self.idle);
            let caller = Caller(Arc::default());
            let state = Arc::clone(&caller.0);
            // The job holds the permit until it ends, even if the caller has stopped waiting: its connection is still in use.
            spawn_blocking(move || {
                let _permit = permit;
                idle.lend(&state, job)
            })
            .await
            .map_err(Error::internal)?
        };
        timeout(limits::QUERY_TIMEOUT, result).await.unwrap_or_else(|_| {
            Err(Error::unavailable(format!("SQLite: no answer to a read within {:?}", limits::QUERY_TIMEOUT)))
        })
    }
}

/// The state of a job, for its caller.
#[derive(Default)]
enum JobState {
    #[default]
    Waits,
    Runs(InterruptHandle),
    /// The job has ended, or must not begin because its caller has gone.
    Over,
}

/// The caller of a job, who interrupts it by going.
struct Caller(Arc<Mutex<JobState>>);

impl Drop for Caller {
    fn drop(&mut self) {
        // Under the lock: the job that this interrupts has not ended, and its connection has no other one.
        let mut state = lock(&self.0);
        if let JobState::Runs(statement) = &*state {
            statement.interrupt();
        }
        *state = JobState::Over;
    }
}

impl Idle {
    fn lend<T>(&self, state: &Mutex<JobState>, job: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        let idle = lock(&self.connections).pop();
        let mut connection = idle.map_or_else(|| connection::reader(&self.path), Ok)?;
        if !begin(state, &connection) {
            lock(&self.connections).push(connection);
            return Err(caller_has_gone());
        }
        let value = in_transaction(&mut connection, job);
        *lock(state) = JobState::Over;
        let value = value?;
        lock(&self.connections).push(connection);
        Ok(value)
    }
}

/// Lets the caller interrupt the job. Returns false if the caller has gone.
fn begin(state: &Mutex<JobState>, connection: &Connection) -> bool {
    let mut state = lock(state);
    let is_wanted = matches!(*state, JobState::Waits);
    if is_wanted {
        *state = JobState::Runs(connection.get_interrupt_handle());
    }
    is_wanted
}

/// Runs a job in one transaction, so that all its statements see the same snapshot, and the read lock is taken once. A connection whose job
/// failed is closed, and the next job opens a new one.
fn in_transaction<T>(connection: &mut Connection, job: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
    run(connection, "BEGIN", [])?;
    let value = job(connection)?;
    run(connection, "COMMIT", [])?;
    Ok(value)
}

/// A panic under the lock leaves a valid state.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::Readers;
    use crate::domain::{Code, Error};
    use crate::limits;

    /// A statement without an end.
    const ENDLESS: &str =
        "WITH RECURSIVE counter(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter) SELECT count(*) FROM counter";
    /// Far less than [`limits::QUERY_TIMEOUT`].
    const SOON: Duration = Duration::from_secs(2);

    #[tokio::test]
    async fn a_read_ends_when_its_caller_goes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("empty.db");
        rusqlite::Connection::open(&path).expect("a database").execute_batch("VACUUM").expect("a file");
        let readers = Readers::new(path);
        let ((begun, is_begun), (ended, has_ended)) = (channel(), channel());
        let endless = |number: usize| {
            let (begun, ended) = (begun.clone(), ended.clone());
            readers.run(move |db| {
                begun.send(number).map_err(Error::internal)?;
                let end = db.query_row(ENDLESS, [], |row| row.get::<_, i64>(0)).map_err(Error::from);
                ended.send(end.clone().map_err(|error| error.code)).map_err(Error::internal)?;
                end
            })
        };
        for round in 0..3 {
            let mut all = Box::pin(futures_util::future::join_all((0..limits::SQLITE_READERS).map(endless)));
            // All readers are in use when the callers go.
            let mut count = 0;
            while count < limits::SQLITE_READERS {
                assert!(timeout(Duration::from_millis(1), &mut all).await.is_err(), "they have no end");
                count += is_begun.try_iter().count();
            }
            drop(all);
            let one = readers.run(|db| Ok(db.query_row("SELECT 1", [], |row| row.get::<_, i64>(0))?));
            assert_eq!(timeout(SOON, one).await.expect("a reader is free again"), Ok(1), "round {round}");
            for _ in 0..limits::SQLITE_READERS {
                assert_eq!(has_ended.recv_timeout(SOON), Ok(Err(Code::Unavailable)), "a defect would be logged");
            }
        }
    }
}
