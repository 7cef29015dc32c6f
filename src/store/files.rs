//! Saves and replaces the files of a database, for an operator. PostgreSQL has programs of its own for it.

use std::path::{Path, PathBuf};

use super::sqlite::{self, lock::ServerLock};
use super::sqlite_path;
use crate::domain::{Code, Error, Result};

/// Takes the lock with which one server uses a SQLite database. PostgreSQL serves several, and needs none.
pub fn lock(url: &str) -> Result<Option<ServerLock>> {
    sqlite_path(url).map(|path| sqlite::lock::lock(Path::new(path))).transpose()
}

/// Saves the database at `url` in a new file, as it is at one moment. A server may use it meanwhile.
pub fn backup(url: &str, file: &Path) -> Result<()> {
    sqlite::backup::backup(path_of(url, "pg_dump")?, file)
}

/// Replaces the database at `url` by the one that [`backup`] saved in `file`. Returns the name under which the replaced database is kept,
/// if there was one. Fails while a server uses the database.
pub fn restore(url: &str, file: &Path) -> Result<Option<PathBuf>> {
    sqlite::backup::restore(path_of(url, "pg_restore")?, file)
}

/// Returns the path of the SQLite database at `url`. For PostgreSQL the error names the program that does the work there.
fn path_of<'a>(url: &'a str, program: &str) -> Result<&'a Path> {
    sqlite_path(url).map(Path::new).ok_or_else(|| {
        let detail = format!("this command is for SQLite; for PostgreSQL use {program}, as docs/operations.md shows");
        Error::new(Code::Unavailable, detail)
    })
}
