//! The pool of connections for reads and rare writes.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bb8::{ManageConnection, Pool, RunError};

use super::connect::{Connector, Purpose};
use super::connection::PgConnection;
use crate::domain::{Error, Result};
use crate::limits;

/// A connection that answered this recently is used without a probe, which saves a round trip for each use.
const BELIEVED: Duration = Duration::from_secs(1);
/// A probe is given up after this long.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// Opens and probes the pool's connections. bb8 by itself waits for ever on a server that vanished.
pub(super) struct ConnectionManager {
    connector: Connector,
    /// The time at which a connection was last found to be dead. Connections that have been idle since before that may be dead as
    /// well, and to probe each would cost as many time-outs.
    suspect: Mutex<Option<Instant>>,
}

impl ManageConnection for ConnectionManager {
    type Connection = PgConnection;
    type Error = Error;

    async fn connect(&self) -> Result<PgConnection> {
        self.connector.connect(Purpose::General).await.map_err(Error::unavailable)
    }

    async fn is_valid(&self, connection: &mut PgConnection) -> Result<()> {
        if !connection.is_usable() {
            return Err(Error::unavailable("a link to PostgreSQL was lost while nobody used it"));
        }
        if connection.idle_time() < BELIEVED {
            return Ok(());
        }
        if self.suspect().is_some_and(|suspect| connection.idle_time() > suspect.elapsed()) {
            return Err(Error::unavailable("a link to PostgreSQL is as old as one that was dead"));
        }
        tokio::time::timeout(PROBE_TIMEOUT, connection.probe()).await.unwrap_or_else(|_| {
            *self.suspect() = Some(Instant::now());
            Err(Error::unavailable("a link to PostgreSQL does not answer"))
        })
    }

    fn has_broken(&self, connection: &mut PgConnection) -> bool {
        !connection.is_usable()
    }
}

impl ConnectionManager {
    fn suspect(&self) -> MutexGuard<'_, Option<Instant>> {
        self.suspect.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A pool that opens its connections when they are needed.
pub(super) fn build(connector: Connector) -> Pool<ConnectionManager> {
    Pool::builder()
        .max_size(limits::POSTGRES_READERS)
        .connection_timeout(limits::CONNECT_TIMEOUT)
        .build_unchecked(ConnectionManager { connector, suspect: Mutex::default() })
}

/// Translates the pool's failure to give a connection.
pub(super) fn to_domain_error(error: RunError<Error>) -> Error {
    match error {
        RunError::User(error) => error,
        RunError::TimedOut => Error::unavailable("no link to PostgreSQL is free, or none can be made"),
    }
}
