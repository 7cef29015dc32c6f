//! What an operator does with the files of a database. PostgreSQL has programs of its own for it.

use std::path::Path;

use super::sqlite::{self, lock::ServerLock};
use super::sqlite_path;
use crate::domain::Result;

/// Takes the lock with which one server uses a SQLite database. PostgreSQL serves several, and needs none.
pub fn lock(url: &str) -> Result<Option<ServerLock>> {
    sqlite_path(url).map(|path| sqlite::lock::lock(Path::new(path))).transpose()
}
