//! A state of the database at one moment, which a command reads to the end.

use std::path::Path;

use rusqlite::{Connection, Row};

use super::connection;
use crate::domain::Result;
use crate::store::checks::{Check, Fault};

/// One transaction on a connection of its own. Its calls block, so it is for commands that do nothing else meanwhile.
pub(in crate::store) struct SqliteSnapshot {
    db: Connection,
}

impl SqliteSnapshot {
    /// Begins to read. Other processes write meanwhile.
    pub(in crate::store) fn beside_writers(path: &Path) -> Result<Self> {
        connection::check(path)?;
        let db = connection::open_to_read(path)?;
        db.execute_batch("BEGIN")?;
        // The first read takes the snapshot.
        connection::versions(&db)?;
        Ok(Self { db })
    }

    /// Returns at most `limit` faults that a check finds.
    pub(in crate::store) fn faults(&self, check: &Check, limit: usize) -> Result<Vec<Fault>> {
        let mut statement = self.db.prepare(&format!("{} LIMIT {limit}", check.sqlite()))?;
        let fault =
            |row: &Row<'_>| Ok(Fault { conversation_id: row.get(0)?, other_id: row.get(1)?, number: row.get(2)? });
        let faults = statement.query_map([], fault)?.collect::<rusqlite::Result<_>>()?;
        Ok(faults)
    }
}
