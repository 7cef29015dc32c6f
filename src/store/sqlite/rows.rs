//! Reads rows, column by column. The functions that read whole lists of columns are in the files of their nouns.

use rusqlite::types::{FromSql, ValueRef};
use rusqlite::{Result, Row};

/// A row that is read from left to right, in the order of its list of columns in [`crate::store::queries`].
pub(super) struct Columns<'a> {
    row: &'a Row<'a>,
    next: usize,
}

impl<'a> Columns<'a> {
    /// Starts at the first column.
    pub(super) fn of(row: &'a Row<'a>) -> Self {
        Self { row, next: 0 }
    }

    /// The next column.
    pub(super) fn next<T: FromSql>(&mut self) -> Result<T> {
        let value = self.row.get(self.next);
        self.next += 1;
        value
    }

    /// The next column, a text that is not copied. `None` if it is NULL.
    pub(super) fn text(&mut self) -> Result<Option<&'a str>> {
        let text = self.row.get_ref(self.next)?.as_str_or_null()?;
        self.next += 1;
        Ok(text)
    }

    /// Skips columns without reading them.
    pub(super) fn skip(&mut self, width: usize) {
        self.next += width;
    }

    /// The next `width` columns, which come from an outer join. `None` if the first is NULL.
    pub(super) fn outer_joined<T>(&mut self, width: usize, read: fn(&mut Self) -> Result<T>) -> Result<Option<T>> {
        if self.row.get_ref(self.next)? == ValueRef::Null {
            self.skip(width);
            Ok(None)
        } else {
            read(self).map(Some)
        }
    }
}

/// Reads a column of any type.
pub(super) fn value<T: FromSql>(columns: &mut Columns<'_>) -> Result<T> {
    columns.next()
}

/// Reads two columns of any type.
pub(super) fn pair<A: FromSql, B: FromSql>(columns: &mut Columns<'_>) -> Result<(A, B)> {
    Ok((columns.next()?, columns.next()?))
}
