//! Bounds the write-ahead log.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::files;
use crate::limits;

/// The write-ahead log. SQLite checkpoints it by itself, but starts it over only in a moment without a reader. Under load there may be no
/// such moment.
pub(super) struct Wal {
    path: PathBuf,
    /// The length in bytes above which the log is emptied.
    bound: u64,
}

impl Wal {
    /// The log of the database at `path`.
    pub(super) fn of(path: &Path) -> Self {
        Self { path: files::beside(path, files::WAL), bound: limits::SQLITE_WAL_BYTES_MAX }
    }

    /// Empties the log if it is longer than its bound. If a long read prevents that, the log may grow by
    /// [`limits::SQLITE_WAL_BYTES_MAX`] before the next try, so that a backup by another process does not stop the writer.
    pub(super) fn enforce_bound(&mut self, connection: &Connection) {
        let length = fs::metadata(&self.path).map_or(0, |file| file.len());
        if length <= self.bound {
            return;
        }
        self.bound = if truncate(connection) {
            limits::SQLITE_WAL_BYTES_MAX
        } else {
            tracing::warn!(bytes = length, "SQLite's write-ahead log cannot be emptied during a long read");
            length.saturating_add(limits::SQLITE_WAL_BYTES_MAX)
        };
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
