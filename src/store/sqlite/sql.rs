//! Statements: the shared SQL in SQLite's dialect, running it with statements that stay prepared, and the meaning of failures.

use rusqlite::types::FromSql;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Params, ToSql};

use super::rows::{Columns, value};
use crate::domain::{Error, Result};

/// The shared SQL with its parameters written `?n`, made at compile time. SQLite would take `$n` for a name, and bind
/// names in the order in which they appear.
macro_rules! sql {
    ($text:expr) => {{
        const TEXT: &str = $text;
        const BYTES: [u8; TEXT.len()] = $crate::store::sqlite::sql::numbered(TEXT);
        const NUMBERED: &str = match ::std::str::from_utf8(&BYTES) {
            Ok(text) => text,
            Err(_) => panic!("one ASCII character for another leaves UTF-8 valid"),
        };
        NUMBERED
    }};
}
pub(super) use sql;

/// The bytes of `text`, which are `N`, with `?` for `$`.
pub(super) const fn numbered<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0; N];
    let mut at = 0;
    while at < N {
        let byte = text.as_bytes()[at];
        bytes[at] = if byte == b'$' { b'?' } else { byte };
        at += 1;
    }
    bytes
}

/// The first row, if there is one.
pub(super) fn one<T>(
    db: &Connection,
    sql: &'static str,
    params: impl Params,
    read: impl FnOnce(&mut Columns<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>> {
    Ok(db.prepare_cached(sql)?.query_row(params, |row| read(&mut Columns::of(row))).optional()?)
}

/// All rows.
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

/// The first column of the row that each of `ids` has, for those that have one.
pub(super) fn each<I: ToSql + Copy, T: FromSql>(db: &Connection, sql: &'static str, ids: &[I]) -> Result<Vec<(I, T)>> {
    let mut found = Vec::with_capacity(ids.len());
    for &id in ids {
        if let Some(value) = one(db, sql, [id], value)? {
            found.push((id, value));
        }
    }
    Ok(found)
}

/// Changes rows. Returns their number.
pub(super) fn run(db: &Connection, sql: &'static str, params: impl Params) -> Result<usize> {
    Ok(db.prepare_cached(sql)?.execute(params)?)
}

/// Returns true if another connection has the lock.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Failures that pass by themselves, or when the operator makes room, are `unavailable`. Anything else is a defect.
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
            _ => Self::internal(format_args!("SQLite: {error}")),
        }
    }
}
