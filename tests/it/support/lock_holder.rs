//! Locks of a database that a test holds, so that statements wait for it.

use std::time::Duration;

use chinwag::limits::QUERY_TIMEOUT;
use tokio::time::{interval, timeout};
use tokio_postgres::Client;

use super::postgres::connect;

/// A client that holds locks of a database, and one that observes.
pub(crate) struct LockHolder {
    holder: Client,
    observer: Client,
}

impl LockHolder {
    /// Holds the locks that a statement takes.
    pub(crate) async fn new(url: &str, statement: &str) -> Self {
        let holder = connect(url).await;
        holder.batch_execute(&format!("BEGIN; {statement}")).await.unwrap();
        Self { holder, observer: connect(url).await }
    }

    /// Makes each transaction that inserts or changes a row of a table wait at its commit, behind all of its statements.
    pub(crate) async fn of_commits(url: &str, table: &str) -> Self {
        let trigger = format!(
            "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END';
             CREATE CONSTRAINT TRIGGER waits AFTER INSERT OR UPDATE ON {table} DEFERRABLE INITIALLY DEFERRED
                 FOR EACH ROW EXECUTE FUNCTION wait()"
        );
        connect(url).await.batch_execute(&trigger).await.unwrap();
        Self::new(url, "SELECT pg_advisory_xact_lock(1)").await
    }

    /// Waits until this number of the server's statements wait for a lock, for far less than the time after which PostgreSQL ends them.
    pub(crate) async fn waits(&self, count: i64) {
        const WAITING: &str = "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock' AND state = 'active'";
        let mut pause = interval(Duration::from_millis(10));
        let waiting = async {
            while self.observer.query_one(WAITING, &[]).await.unwrap().get::<_, i64>(0) != count {
                pause.tick().await;
            }
        };
        timeout(QUERY_TIMEOUT / 2, waiting).await.unwrap_or_else(|_| panic!("{count} statements should wait"));
    }

    /// Runs further statements under the locks, and commits them.
    pub(crate) async fn commit(&self, statements: &str) {
        self.holder.batch_execute(&format!("{statements}; COMMIT")).await.unwrap();
    }

    /// Releases the locks, and undoes the statement.
    pub(crate) async fn release(&self) {
        self.holder.batch_execute("ROLLBACK").await.unwrap();
    }
}
