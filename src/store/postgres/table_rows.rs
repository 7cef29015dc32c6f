//! Reads and writes rows of any table.

use std::error::Error as StdError;
use std::pin::pin;

use bytes::BytesMut;
use futures_util::TryStreamExt;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Error as Failure, Row};

use crate::domain::Timestamp;
use crate::limits;
use crate::store::copied_tables::{ColumnKind, CopiedTable};
use crate::store::table_rows::{PageQuery, TableRow, Value, page_query, row_bytes};

/// Returns the next rows of a table behind the key `after`, within the bounds of a batch.
pub(super) async fn page(
    client: &Client,
    table: &CopiedTable,
    after: Option<&[Value]>,
) -> Result<Vec<TableRow>, Failure> {
    let PageQuery { sql, params } = page_query(table, after, limits::COPY_BATCH_ROWS);
    let mut rows = pin!(client.query_raw(&sql, params).await?);
    let (mut page, mut bytes) = (Vec::new(), 0);
    while bytes < limits::COPY_BATCH_BYTES
        && let Some(row) = rows.try_next().await?
    {
        let row = values(&row, table.columns)?;
        bytes += row_bytes(&row);
        page.push(row);
    }
    Ok(page)
}

/// Returns the greatest key of a table.
pub(super) async fn last_key(client: &Client, table: &CopiedTable) -> Result<Option<TableRow>, Failure> {
    let columns = &table.columns[..table.key_width];
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let backwards: Vec<String> = names.iter().map(|name| format!("{name} DESC")).collect();
    let sql = format!("SELECT {} FROM {} ORDER BY {} LIMIT 1", names.join(", "), table.name, backwards.join(", "));
    client.query_opt(&sql, &[]).await?.map(|row| values(&row, columns)).transpose()
}

/// Inserts rows: all, or none if it fails.
pub(super) async fn insert(client: &Client, table: &CopiedTable, rows: &[TableRow]) -> Result<u64, Failure> {
    let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
    let types: Vec<Type> = table.columns.iter().map(|(_, kind)| type_of(*kind)).collect();
    let sink = client.copy_in(&format!("COPY {} ({}) FROM STDIN BINARY", table.name, names.join(", "))).await?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
    for row in rows {
        writer.as_mut().write_raw(row).await?;
    }
    writer.finish().await
}

fn values(row: &Row, columns: &[(&str, ColumnKind)]) -> Result<TableRow, Failure> {
    let values = columns.iter().enumerate().map(|(index, (_, kind))| {
        let value = match kind {
            ColumnKind::Id => row.try_get::<_, Option<_>>(index)?.map(Value::Id),
            ColumnKind::Text => row.try_get::<_, Option<_>>(index)?.map(Value::Text),
            ColumnKind::Integer => row.try_get::<_, Option<_>>(index)?.map(Value::Integer),
            ColumnKind::Bool => row.try_get::<_, Option<_>>(index)?.map(Value::Bool),
            ColumnKind::Time => row.try_get::<_, Option<Timestamp>>(index)?.map(Value::Time),
        };
        Ok(value.unwrap_or(Value::Null))
    });
    values.collect()
}

fn type_of(kind: ColumnKind) -> Type {
    match kind {
        ColumnKind::Id => Type::UUID,
        ColumnKind::Text => Type::TEXT,
        ColumnKind::Integer => Type::INT8,
        ColumnKind::Bool => Type::BOOL,
        ColumnKind::Time => Type::TIMESTAMPTZ,
    }
}

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Id(id) => id.to_sql(ty, out),
            Self::Text(text) => text.to_sql(ty, out),
            Self::Integer(number) => number.to_sql(ty, out),
            Self::Bool(is_true) => is_true.to_sql(ty, out),
            Self::Time(time) => time.to_sql(ty, out),
        }
    }
    fn accepts(ty: &Type) -> bool {
        [Type::UUID, Type::TEXT, Type::INT8, Type::BOOL, Type::TIMESTAMPTZ].contains(ty)
    }
    to_sql_checked!();
}
