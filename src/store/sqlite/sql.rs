//! Translates the shared SQL into SQLite's dialect, runs it with cached prepared statements, and translates failures.

use rusqlite::types::FromSql;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Params, ToSql};

use super::rows::{Columns, value};
use crate::domain::{Code, Error, Result};

/// Replaces `$n` by `?n` in the shared SQL, at compile time. SQLite would read `$n` as a name, and bind names in the order in which they
/// appear.
macro_rules! sql {
    ($text:expr) => {{
        const TEXT: &str = $text;
        const BYTES: [u8; TEXT.len()] = $crate::store::sqlite::sql::with_question_marks(TEXT);
        const TRANSLATED: &str = match ::std::str::from_utf8(&BYTES) {
            Ok(text) => text,
            Err(_) => panic!("an ASCII character replaced by another leaves UTF-8 valid"),
        };
        TRANSLATED
    }};
}
pub(super) use sql;

/// Returns the `N` bytes of `text` with each `$` replaced by `?`.
pub(super) const fn with_question_marks<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0; N];
    let mut index = 0;
    while index < N {
        let byte = text.as_bytes()[index];
        bytes[index] = if byte == b'$' { b'?' } else { byte };
        index += 1;
    }
    bytes
}

/// Runs a statement. Returns its first row, if there is one.
pub(super) fn one<T>(
    db: &Connection,
    sql: &'static str,
    params: impl Params,
    read: impl FnOnce(&mut Columns<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>> {
    Ok(db.prepare_cached(sql)?.query_row(params, |row| read(&mut Columns::of(row))).optional()?)
}

/// Runs a statement. Returns all its rows.
pub(super) fn all<T>(
    db: &Connection,
    sql: &'static str,
    params: impl Params,
    mut read: impl FnMut(&mut Columns<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>> {
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params, |row| read(&mut Columns::of(row)))?.collect::<rusqlite::Result<_>>()?;
    Ok(rows)
}

/// Runs a statement for each of `ids`. Returns the first column of its first row, for each id that has a row.
pub(super) fn each<I: ToSql + Copy, T: FromSql>(db: &Connection, sql: &'static str, ids: &[I]) -> Result<Vec<(I, T)>> {
    let mut found = Vec::with_capacity(ids.len());
    for &id in ids {
        if let Some(value) = one(db, sql, [id], value)? {
            found.push((id, value));
        }
    }
    Ok(found)
}

/// Runs a statement that changes rows. Returns the number of rows changed.
pub(super) fn run(db: &Connection, sql: &'static str, params: impl Params) -> Result<usize> {
    Ok(db.prepare_cached(sql)?.execute(params)?)
}

/// Returns true if another connection holds the lock.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// The error of a read whose caller has gone. Nobody gets it.
pub(super) fn caller_has_gone() -> Error {
    Error::new(Code::Unavailable, "The read was interrupted, because its caller has gone.")
}

/// Translates a failure. It is `unavailable` if it passes by itself or when the operator makes room. Anything else is a defect.
impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::OutOfMemory,
            ) => Self::unavailable(format_args!("SQLite: {error}")),
            // The caller has gone, so this is neither a defect nor worth a line of the log.
            Some(ErrorCode::OperationInterrupted) => caller_has_gone(),
            _ => Self::internal(format_args!("SQLite: {error}")),
        }
    }
}
