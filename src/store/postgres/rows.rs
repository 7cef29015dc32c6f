//! Reads rows, column by column. The functions that read whole lists of columns are in the files of their nouns.

use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, FromSqlOwned};
use uuid::Uuid;

use super::errors::to_domain_error;
use crate::domain::{Error, Result};

/// A row that is read from left to right, in the order of its list of columns in [`crate::store::queries`].
pub(super) struct Columns<'a> {
    row: &'a Row,
    next: usize,
}

impl<'a> Columns<'a> {
    /// Starts at the first column.
    pub(super) fn of(row: &'a Row) -> Self {
        Self { row, next: 0 }
    }

    /// The next column.
    pub(super) fn next<T: FromSql<'a>>(&mut self) -> Result<T> {
        let value = self.row.try_get(self.next).map_err(to_domain_error);
        self.next += 1;
        value
    }

    /// The next column, which holds one of a fixed set of values as a text.
    pub(super) fn parsed<T>(&mut self, parse: fn(&str) -> Option<T>) -> Result<T> {
        let text: &str = self.next()?;
        parse(text).ok_or_else(|| unknown(text))
    }

    /// The next `width` columns, which come from an outer join. `None` if the first is NULL.
    pub(super) fn outer_joined<T>(&mut self, width: usize, read: fn(&mut Self) -> Result<T>) -> Result<Option<T>> {
        let start = self.next;
        let is_present = self.next::<Option<Uuid>>()?.is_some();
        self.next = start;
        if is_present {
            read(self).map(Some)
        } else {
            self.next += width;
            Ok(None)
        }
    }
}

/// Reads every row.
pub(super) fn all<T>(rows: &[Row], read: fn(&mut Columns<'_>) -> Result<T>) -> Result<Vec<T>> {
    rows.iter().map(|row| read(&mut Columns::of(row))).collect()
}

/// Reads the first row, if there is one.
pub(super) fn first<T>(rows: &[Row], read: fn(&mut Columns<'_>) -> Result<T>) -> Result<Option<T>> {
    rows.first().map(|row| read(&mut Columns::of(row))).transpose()
}

/// Reads a column of any type.
pub(super) fn value<T: FromSqlOwned>(columns: &mut Columns<'_>) -> Result<T> {
    columns.next()
}

/// Reads two columns of any type.
pub(super) fn pair<A: FromSqlOwned, B: FromSqlOwned>(columns: &mut Columns<'_>) -> Result<(A, B)> {
    Ok((columns.next()?, columns.next()?))
}

/// The error for a text that is none of the fixed set.
fn unknown(text: &str) -> Error {
    Error::internal(format!("PostgreSQL holds a value that this version of chinwag does not know: {text}"))
}
