//! The bound of the write-ahead log.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::limits;

/// The write-ahead log. SQLite checkpoints it by itself, but starts it over only in a moment without a reader, and under load
/// there may be none.
pub(super) struct Wal {
    path: PathBuf,
    /// The length in bytes above which it is emptied.
    bound: u64,
}

impl Wal {
    /// The log of the database at `path`.
    pub(super) fn of(path: &Path) -> Self {
        let mut name = OsString::from(path);
        name.push("-wal");
        Self { path: name.into(), bound: limits::SQLITE_WAL_BYTES_MAX }
    }

    /// Empties the log if it is too long. If a long read prevents that, the log may grow some more before the next try: a backup
    /// by another process does not stop the writer.
    pub(super) fn bound(&mut self, connection: &Connection) {
        let length = fs::metadata(&self.path).map_or(0, |file| file.len());
        if length <= self.bound {
            return;
        }
        self.bound = if truncate(connection) {
            limits::SQLITE_WAL_BYTES_MAX
        } else {
            tracing::warn!(bytes = length, "SQLite's log cannot be emptied while somebody reads");
            length.saturating_add(limits::SQLITE_WAL_BYTES_MAX)
        };
    }
}

/// Returns false if a reader was in the way for longer than the time-out.
fn truncate(connection: &Connection) -> bool {
    let emptied = connection.busy_timeout(limits::SQLITE_WAL_TIMEOUT).and_then(|()| {
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| Ok(row.get::<_, i64>(0)? == 0))
    });
    let restored = connection.busy_timeout(limits::SQLITE_BUSY_TIMEOUT);
    matches!((emptied, restored), (Ok(true), Ok(())))
}
