//! The pool of connections for reads, and for the writes that are not numbered.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bb8::{ManageConnection, Pool, PooledConnection, RunError};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::connect::{Connector, Purpose};
use super::connection::PgConnection;
use crate::domain::{Error, Result};
use crate::limits;

/// A connection on which the server answered within this time is used without a probe, which saves a round trip for each use.
const PROBE_AFTER_IDLE: Duration = Duration::from_secs(1);
/// A probe fails if the server does not answer within this time.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// Opens and probes the pool's connections. Without a bound of the probe, bb8 would wait for ever for a server that has disappeared.
pub(super) struct ConnectionManager {
    connector: Connector,
    /// The time at which a probe last failed. Connections that have been idle since before that time may be dead as well, and to probe
    /// each would cost as many time-outs.
    last_probe_failure: Mutex<Option<Instant>>,
}

impl ManageConnection for ConnectionManager {
    type Connection = PgConnection;
    type Error = Error;

    async fn connect(&self) -> Result<PgConnection> {
        self.connector.connect(Purpose::General).await.map_err(Error::unavailable)
    }

    async fn is_valid(&self, connection: &mut PgConnection) -> Result<()> {
        if !connection.is_usable() {
            return Err(Error::unavailable("an idle connection to PostgreSQL was lost"));
        }
        if connection.idle_time() < PROBE_AFTER_IDLE {
            return Ok(());
        }
        if self.last_probe_failure().is_some_and(|failed_at| connection.idle_time() > failed_at.elapsed()) {
            return Err(Error::unavailable("a connection to PostgreSQL has been idle since before a probe failed"));
        }
        timeout(PROBE_TIMEOUT, connection.probe()).await.unwrap_or_else(|_| {
            *self.last_probe_failure() = Some(Instant::now());
            Err(Error::unavailable("a connection to PostgreSQL does not answer"))
        })
    }

    fn has_broken(&self, connection: &mut PgConnection) -> bool {
        !connection.is_usable()
    }
}

impl ConnectionManager {
    fn last_probe_failure(&self) -> MutexGuard<'_, Option<Instant>> {
        self.last_probe_failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection of the pool that a caller uses. If the caller goes in the middle of a statement, a task waits for its answer before the
/// connection is used again, or else has it cancelled: closing alone would leave the server at work.
pub(super) struct Lent(Arc<PooledConnection<'static, ConnectionManager>>);

impl Lent {
    /// Takes a connection from the pool. The caller bounds the time.
    pub(super) async fn from(pool: &Pool<ConnectionManager>) -> Result<Self> {
        let connection = pool.get_owned().await.map_err(to_domain_error)?;
        connection.begin_use().await?;
        Ok(Self(Arc::new(connection)))
    }
}

impl Deref for Lent {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.0
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // Without a runtime the process ends, and the connection with it.
        if self.0.can_be_settled()
            && let Ok(runtime) = Handle::try_current()
        {
            let connection = Arc::clone(&self.0);
            runtime.spawn(async move { timeout(limits::ABANDONED_STATEMENT_TIMEOUT, connection.settle()).await });
        }
    }
}

/// Builds a pool that opens a connection when a caller needs one and none is idle.
pub(super) fn build(connector: Connector) -> Pool<ConnectionManager> {
    Pool::builder()
        .max_size(limits::POSTGRES_READERS)
        .connection_timeout(limits::CONNECT_TIMEOUT)
        .build_unchecked(ConnectionManager { connector, last_probe_failure: Mutex::default() })
}

/// Translates the pool's failure to provide a connection.
fn to_domain_error(error: RunError<Error>) -> Error {
    match error {
        RunError::User(error) => error,
        RunError::TimedOut => {
            Error::unavailable("no connection to PostgreSQL is free, and none could be opened in time")
        }
    }
}
