//! A state of the database at one moment, which a command reads to the end.

use std::path::Path;

use rusqlite::types::{ToSqlOutput, Value as SqlValue};
use rusqlite::{Connection, OpenFlags, Row, ToSql, params_from_iter};

use super::connection;
use super::files;
use crate::domain::{Code, Error, Result, Timestamp};
use crate::limits;
use crate::store::checks::{Check, Fault};
use crate::store::copied_tables::{ColumnKind, CopiedTable};
use crate::store::migrations;
use crate::store::table_rows::{TableRow, Value, page_query, row_bytes};

/// One transaction on a connection of its own. Its calls block, so it is for commands that do nothing else meanwhile.
pub(in crate::store) struct SqliteSnapshot {
    db: Connection,
}

impl SqliteSnapshot {
    /// Begins to read. Other processes write meanwhile.
    pub(in crate::store) fn beside_writers(path: &Path) -> Result<Self> {
        connection::check(path)?;
        let db = connection::open_to_read(path)?;
        db.execute_batch("BEGIN")?;
        // The first read takes the snapshot.
        connection::versions(&db)?;
        Ok(Self { db })
    }

    /// Begins to read, and keeps all other processes from writing until it is dropped.
    pub(in crate::store) fn without_writers(path: &Path) -> Result<Self> {
        connection::check(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags)?;
        db.busy_timeout(limits::SQLITE_BUSY_TIMEOUT)?;
        files::refuse_foreign(&db)?;
        db.execute_batch("BEGIN IMMEDIATE")?;
        migrations::require_same(connection::versions(&db)?.0)?;
        Ok(Self { db })
    }

    /// Returns at most `limit` faults that a check finds.
    pub(in crate::store) fn faults(&self, check: &Check, limit: usize) -> Result<Vec<Fault>> {
        let mut statement = self.db.prepare(&format!("{} LIMIT {limit}", check.sqlite()))?;
        let fault =
            |row: &Row<'_>| Ok(Fault { conversation_id: row.get(0)?, other_id: row.get(1)?, number: row.get(2)? });
        let faults = statement.query_map([], fault)?.collect::<rusqlite::Result<_>>()?;
        Ok(faults)
    }

    /// Returns the next rows of a table behind the key `after`, within the bounds of a batch.
    pub(in crate::store) fn page(&self, table: &CopiedTable, after: Option<&[Value]>) -> Result<Vec<TableRow>> {
        let query = page_query(table, after, limits::COPY_BATCH_ROWS);
        let mut statement = self.db.prepare_cached(&query.sql.replace('$', "?"))?;
        let mut rows = statement.query(params_from_iter(query.params))?;
        let (mut page, mut bytes) = (Vec::new(), 0);
        while bytes < limits::COPY_BATCH_BYTES
            && let Some(row) = rows.next()?
        {
            let row = table_row(table, row)?;
            bytes += row_bytes(&row);
            page.push(row);
        }
        Ok(page)
    }
}

fn table_row(table: &CopiedTable, row: &Row<'_>) -> Result<TableRow> {
    let values = table.columns.iter().enumerate().map(|(index, (name, kind))| {
        value(row, index, *kind).map_err(|cause| {
            Error::new(Code::Unavailable, format!("the column {name} of {} cannot be read: {cause}", table.name))
        })
    });
    values.collect()
}

fn value(row: &Row<'_>, index: usize, kind: ColumnKind) -> rusqlite::Result<Value> {
    let value = match kind {
        ColumnKind::Id => row.get::<_, Option<_>>(index)?.map(Value::Id),
        ColumnKind::Text => row.get::<_, Option<_>>(index)?.map(Value::Text),
        ColumnKind::Integer => row.get::<_, Option<_>>(index)?.map(Value::Integer),
        ColumnKind::Bool => row.get::<_, Option<_>>(index)?.map(Value::Bool),
        ColumnKind::Time => row.get::<_, Option<_>>(index)?.map(|micros| Value::Time(Timestamp(micros))),
    };
    Ok(value.unwrap_or(Value::Null))
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Null => Ok(ToSqlOutput::Owned(SqlValue::Null)),
            Self::Id(id) => id.to_sql(),
            Self::Text(text) => text.to_sql(),
            Self::Integer(number) => number.to_sql(),
            Self::Bool(is_true) => is_true.to_sql(),
            Self::Time(time) => time.to_sql(),
        }
    }
}
