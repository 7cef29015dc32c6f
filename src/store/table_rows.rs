//! Rows of any table, as `chinwag copy` moves and compares them.

use std::fmt::Write;

use ring::digest::{Context, SHA256};
use uuid::Uuid;

use super::copied_tables::CopiedTable;
use crate::domain::Timestamp;

/// A value of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Id(Uuid),
    Text(String),
    Integer(i64),
    Bool(bool),
    Time(Timestamp),
}

/// The values of a row, in the order of [`CopiedTable::columns`].
pub(super) type TableRow = Vec<Value>;

/// A statement, and its parameters.
pub(super) struct PageQuery<'a> {
    pub(super) sql: String,
    pub(super) params: &'a [Value],
}

impl Value {
    /// Returns about how much memory the value takes.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + if let Self::Text(text) = self { text.len() } else { 0 }
    }
}

/// Returns about how much memory a row takes.
pub(super) fn row_bytes(row: &[Value]) -> usize {
    row.iter().map(Value::bytes).sum()
}

/// Selects the rows behind the key `after`, or all, in the order of their keys.
pub(super) fn page_query<'a>(table: &CopiedTable, after: Option<&'a [Value]>, rows: usize) -> PageQuery<'a> {
    let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
    let key = names[..table.key_width].join(", ");
    let mut sql = format!("SELECT {} FROM {}", names.join(", "), table.name);
    if after.is_some() {
        let places: Vec<String> = (1..=table.key_width).map(|number| format!("${number}")).collect();
        // Writing to a string does not fail.
        let _ = write!(sql, " WHERE ({key}) > ({})", places.join(", "));
    }
    let _ = write!(sql, " ORDER BY {key} LIMIT {rows}");
    PageQuery { sql, params: after.unwrap_or_default() }
}

/// The number of a table's rows, and a hash of them in the order of their keys.
pub(super) struct TableDigest {
    rows: u64,
    hash: Context,
}

impl TableDigest {
    pub(super) fn new() -> Self {
        Self { rows: 0, hash: Context::new(&SHA256) }
    }

    pub(super) fn add(&mut self, rows: &[TableRow]) {
        for value in rows.iter().flatten() {
            // Each value has its kind and its length before it, so that no two rows have the same bytes.
            match value {
                Value::Null => self.hash.update(&[0]),
                Value::Id(id) => self.parts(1, id.as_bytes()),
                Value::Text(text) => {
                    self.parts(2, &text.len().to_be_bytes());
                    self.hash.update(text.as_bytes());
                }
                Value::Integer(number) => self.parts(3, &number.to_be_bytes()),
                Value::Bool(is_true) => self.parts(4, &[u8::from(*is_true)]),
                Value::Time(Timestamp(micros)) => self.parts(5, &micros.to_be_bytes()),
            }
        }
        self.rows += rows.len() as u64;
    }

    fn parts(&mut self, kind: u8, bytes: &[u8]) {
        self.hash.update(&[kind]);
        self.hash.update(bytes);
    }

    /// Returns the number of rows, and the hash as hexadecimal digits.
    pub(super) fn finish(self) -> (u64, String) {
        let digest = self.hash.finish();
        let digits = digest.as_ref().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        (self.rows, digits)
    }
}
