//! The pool of links for reads and rare writes.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bb8::{ManageConnection, Pool, RunError};

use super::connect::{Connector, Purpose};
use super::link::Link;
use crate::domain::{Error, Result};
use crate::limits;

/// A link that answered so recently is believed to be there; a round trip for each use is saved.
const BELIEVED: Duration = Duration::from_secs(1);
/// How long a link may take to say that it is there.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// How the pool makes and judges links. bb8 by itself waits for ever on a peer that vanished.
pub(super) struct Links {
    connector: Connector,
    /// When a link was last found to be dead: those that have been silent since before may be dead as well, and to try each would
    /// cost as many time-outs.
    suspect: Mutex<Option<Instant>>,
}

impl ManageConnection for Links {
    type Connection = Link;
    type Error = Error;

    async fn connect(&self) -> Result<Link> {
        self.connector.connect(Purpose::General).await.map_err(Error::unavailable)
    }

    async fn is_valid(&self, link: &mut Link) -> Result<()> {
        if !link.is_usable() {
            return Err(Error::unavailable("a link to PostgreSQL was lost while nobody used it"));
        }
        if link.silence() < BELIEVED {
            return Ok(());
        }
        if self.suspect().is_some_and(|suspect| link.silence() > suspect.elapsed()) {
            return Err(Error::unavailable("a link to PostgreSQL is as old as one that was dead"));
        }
        tokio::time::timeout(PROBE_TIMEOUT, link.probe()).await.unwrap_or_else(|_| {
            *self.suspect() = Some(Instant::now());
            Err(Error::unavailable("a link to PostgreSQL does not answer"))
        })
    }

    fn has_broken(&self, link: &mut Link) -> bool {
        !link.is_usable()
    }
}

impl Links {
    fn suspect(&self) -> MutexGuard<'_, Option<Instant>> {
        self.suspect.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A pool that makes its links when they are needed.
pub(super) fn build(connector: Connector) -> Pool<Links> {
    Pool::builder()
        .max_size(limits::POSTGRES_READERS)
        .connection_timeout(limits::CONNECT_TIMEOUT)
        .build_unchecked(Links { connector, suspect: Mutex::default() })
}

/// Why there is no link.
pub(super) fn told(error: RunError<Error>) -> Error {
    match error {
        RunError::User(error) => error,
        RunError::TimedOut => Error::unavailable("no link to PostgreSQL is free, or none can be made"),
    }
}
