//! Bounds the write-ahead log.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rusqlite::Connection;

use super::files;
use crate::limits;

/// The write-ahead log. SQLite checkpoints it by itself, but starts it over only in a moment without a reader. Under load there may be no
/// such moment.
pub(super) struct Wal {
    path: PathBuf,
    /// The length in bytes above which the log is emptied.
    bound: u64,
    /// The time from which the log is emptied however short it is.
    due: Instant,
}

impl Wal {
    /// The log of the database at `path`.
    pub(super) fn of(path: &Path) -> Self {
        Self {
            path: files::beside(path, files::WAL),
            bound: limits::SQLITE_WAL_BYTES_MAX,
            due: Instant::now() + limits::SQLITE_WAL_AGE_MAX,
        }
    }

    /// Empties the log if it is longer or older than its bounds. If a long read prevents that, the log may grow by
    /// [`limits::SQLITE_WAL_BYTES_MAX`] or age by [`limits::SQLITE_WAL_AGE_MAX`] before the next try, so that a backup by another process
    /// does not stop the writer.
    pub(super) fn enforce_bounds(&mut self, connection: &Connection) {
        let length = fs::metadata(&self.path).map_or(0, |file| file.len());
        let now = Instant::now();
        if length <= self.bound && now < self.due {
            return;
        }
        self.due = now + limits::SQLITE_WAL_AGE_MAX;
        if length == 0 || truncate(connection) {
            self.bound = limits::SQLITE_WAL_BYTES_MAX;
        } else {
            tracing::warn!(bytes = length, "SQLite's write-ahead log cannot be emptied during a long read");
            if length > self.bound {
                self.bound = length.saturating_add(limits::SQLITE_WAL_BYTES_MAX);
            }
        }
    }
}

/// Empties the log. Returns false if a reader prevents it for longer than [`limits::SQLITE_WAL_TIMEOUT`].
fn truncate(connection: &Connection) -> bool {
    let emptied = connection.busy_timeout(limits::SQLITE_WAL_TIMEOUT).and_then(|()| {
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| Ok(row.get::<_, i64>(0)? == 0))
    });
    let restored = connection.busy_timeout(limits::SQLITE_BUSY_TIMEOUT);
    matches!((emptied, restored), (Ok(true), Ok(())))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::Wal;
    use crate::store::Opening;
    use crate::store::sqlite::connection::writer;

    #[test]
    fn a_short_log_is_emptied_when_it_is_due() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("chinwag.db");
        let db = writer(&path, Opening::Migrate).expect("a database");
        let mut wal = Wal::of(&path);
        let length = |wal: &Wal| wal.path.metadata().expect("a log").len();
        wal.enforce_bounds(&db);
        assert!(length(&wal) > 0, "it has the tables");
        wal.due = Instant::now();
        wal.enforce_bounds(&db);
        assert_eq!(length(&wal), 0);
        assert!(wal.due > Instant::now());
    }
}
