//! A state of a database at one moment, for commands that read all of it.

use std::path::Path;

use super::checks::{Check, Fault, checks, distributed_checks};
use super::postgres::snapshot::PostgresSnapshot;
use super::sqlite::snapshot::SqliteSnapshot;
use super::sqlite_path;
use crate::domain::Result;
use crate::limits;

/// A snapshot. It reads on a connection of its own, beside servers or without one, and writes nothing.
pub struct Snapshot(Inner);

enum Inner {
    Postgres(Box<PostgresSnapshot>),
    Sqlite(SqliteSnapshot),
}

impl Snapshot {
    /// Takes a snapshot of the database at `url`. Fails unless a server of this version has created and migrated it.
    pub async fn open(url: &str) -> Result<Self> {
        Ok(Self(match sqlite_path(url) {
            Some(path) => Inner::Sqlite(SqliteSnapshot::beside_writers(Path::new(path))?),
            None => Inner::Postgres(Box::new(PostgresSnapshot::beside_writers(url).await?)),
        }))
    }

    /// Returns the checks for this database, those of the numbers first.
    pub fn checks(&self) -> impl Iterator<Item = &'static Check> {
        let further = match &self.0 {
            Inner::Postgres(snapshot) if snapshot.is_distributed() => distributed_checks(),
            _ => &[],
        };
        checks().chain(further)
    }

    /// Returns the faults that a check finds, at most [`limits::CHECK_FAULTS_SHOWN`] and one more. On SQLite it blocks the thread.
    pub async fn faults(&self, check: &Check) -> Result<Vec<Fault>> {
        let limit = limits::CHECK_FAULTS_SHOWN + 1;
        match &self.0 {
            Inner::Postgres(snapshot) => snapshot.faults(check, limit).await,
            Inner::Sqlite(snapshot) => snapshot.faults(check, limit),
        }
    }
}
