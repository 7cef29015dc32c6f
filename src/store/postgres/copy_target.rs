//! The database into which `chinwag copy` copies.
//!
//! From the first row to the last check its table of versions has a mark, with which no server starts on it. The mark also tells a copy that
//! was interrupted from a database that is in use. Each batch of rows is one statement, and rows come in the order of their keys. So the
//! greatest key of a table says how far the copy has come.

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::Postgres;
use super::connection::PgConnection;
use super::distribution::{Distribution, FILL_USER_CONVERSATIONS, FILL_USER_STATES, distribution};
use super::errors::described;
use super::snapshot::{connect, failed};
use super::table_rows;
use crate::domain::{Code, Error, Result};
use crate::limits;
use crate::store::copied_tables::{COPIED_TABLES, CopiedTable, UNCOPIED_TABLES};
use crate::store::migrations::{self, UNFINISHED_COPY};
use crate::store::table_rows::{TableRow, Value};

/// The number of the advisory lock that keeps two copies from one database: "chincopy" in ASCII.
const LOCK: i64 = 0x6368_696e_636f_7079;
/// Those of these tables that exist and are tables of the database itself.
const EXISTING: &str = "SELECT relname FROM pg_class WHERE relname = ANY($1) AND relkind = 'r' AND pg_table_is_visible(oid) ORDER BY relname";
const MARKED: &str = "SELECT EXISTS (SELECT 1 FROM schema_versions WHERE version = $1)";
/// The version without the mark.
const VERSION: &str = "SELECT coalesce(max(version), 0) FROM schema_versions WHERE version < $1";
const MARK: &str = "INSERT INTO schema_versions (version, needs) VALUES ($1, $1)";
const UNMARK: &str = "DELETE FROM schema_versions WHERE version = $1";

/// A database that is being filled.
pub(in crate::store) struct CopyTarget {
    connection: PgConnection,
}

impl CopyTarget {
    /// Opens a database that is empty, or in which a copy was interrupted. Creates the tables of an empty one. Returns true if a copy is resumed.
    pub(in crate::store) async fn open(url: &str) -> Result<(Self, bool)> {
        let (connection, place) = connect(url).await?;
        let client = connection.client();
        lock(client).await?;
        let is_resumed = has_mark(client).await?;
        if !is_resumed {
            // Creates the tables, and refuses a database of another encoding.
            Postgres::open(url).await?;
            refuse_used(client, &place).await?;
            client.execute(MARK, &[&UNFINISHED_COPY]).await.map_err(failed)?;
        }
        let version = client.query_one(VERSION, &[&UNFINISHED_COPY]).await.map_err(failed)?;
        migrations::require_same(version.try_get(0).map_err(failed)?)?;
        Ok((Self { connection }, is_resumed))
    }

    /// Returns the greatest key of a table, up to which it is copied.
    pub(in crate::store) async fn last_key(&self, table: &CopiedTable) -> Result<Option<TableRow>> {
        table_rows::last_key(self.connection.client(), table).await.map_err(failed)
    }

    /// Inserts the next rows of a table: all, or none if it fails.
    pub(in crate::store) async fn insert(&self, table: &CopiedTable, rows: &[TableRow]) -> Result<()> {
        let inserted = table_rows::insert(self.connection.client(), table, rows).await;
        inserted.map(drop).map_err(|failure| {
            let detail = format!("rows of {} cannot be written: {}", table.name, described(&failure));
            Error::new(Code::Unavailable, detail)
        })
    }

    /// Returns the next rows of a table behind the key `after`, within the bounds of a batch.
    pub(in crate::store) async fn page(&self, table: &CopiedTable, after: Option<&[Value]>) -> Result<Vec<TableRow>> {
        table_rows::page(self.connection.client(), table, after).await.map_err(failed)
    }

    /// Takes the mark away, and gathers the statistics by which PostgreSQL plans. In a distributed database it first fills the tables that are made of others.
    pub(in crate::store) async fn finish(self) -> Result<()> {
        let client = self.connection.client();
        if distribution(&self.connection).await? == Distribution::Complete {
            client.batch_execute(FILL_USER_CONVERSATIONS).await.map_err(failed)?;
            client.batch_execute(FILL_USER_STATES).await.map_err(failed)?;
        }
        client.batch_execute("ANALYZE").await.map_err(failed)?;
        client.execute(UNMARK, &[&UNFINISHED_COPY]).await.map(drop).map_err(failed)
    }
}

/// Waits for the lock. PostgreSQL may still be ending a statement of a copy that was killed.
async fn lock(client: &Client) -> Result<()> {
    let wait = limits::COPY_LOCK_TIMEOUT.as_millis();
    let statements = format!("SET lock_timeout = {wait}; SELECT pg_advisory_lock({LOCK}); SET lock_timeout = 0");
    client.batch_execute(&statements).await.map_err(|failure| match failure.code() {
        Some(&SqlState::LOCK_NOT_AVAILABLE) => {
            Error::new(Code::Unavailable, "another copy into this database is under way")
        }
        _ => failed(failure),
    })
}

async fn has_mark(client: &Client) -> Result<bool> {
    let rows = client.query(EXISTING, &[&["schema_versions"].as_slice()]).await.map_err(failed)?;
    if rows.is_empty() {
        return Ok(false);
    }
    let marked = client.query_one(MARKED, &[&UNFINISHED_COPY]).await.map_err(failed)?;
    marked.try_get(0).map_err(failed)
}

/// Fails if a table has a row.
async fn refuse_used(client: &Client, place: &str) -> Result<()> {
    let names = COPIED_TABLES.iter().map(|table| table.name).chain(UNCOPIED_TABLES.iter().copied());
    let names: Vec<&str> = names.filter(|name| *name != "schema_versions").collect();
    for row in client.query(EXISTING, &[&names]).await.map_err(failed)? {
        let name: &str = row.try_get(0).map_err(failed)?;
        let found = client.query_opt(&format!("SELECT 1 FROM {name} LIMIT 1"), &[]).await.map_err(failed)?;
        if found.is_some() {
            let detail = format!("{place} is not empty: {name} has rows; chinwag copy needs an empty database");
            return Err(Error::new(Code::Unavailable, detail));
        }
    }
    Ok(())
}
