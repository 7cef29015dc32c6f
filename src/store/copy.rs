//! Copies a SQLite database into PostgreSQL, with all ids, numbers and times.

use std::path::Path;

use super::copied_tables::{COPIED_TABLES, CopiedTable};
use super::postgres::copy_target::CopyTarget;
use super::sqlite::lock::lock;
use super::sqlite::snapshot::SqliteSnapshot;
use super::sqlite_path;
use super::table_rows::{TableDigest, TableRow};
use crate::domain::{Code, Error, Result};

/// A step of a copy that is done.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub enum CopyStep {
    /// The copy goes on where an earlier one was interrupted.
    Resumed,
    /// Further rows of a table are copied.
    Rows { table: &'static str, rows: usize },
    /// A table is copied, and the rows of both databases are the same. `sha256` is the hash of each.
    Compared { table: &'static str, rows: u64, sha256: String },
}

/// Copies the SQLite database at `from` into the PostgreSQL database at `to`, which is empty or holds a copy that was interrupted, and
/// compares each table. Fails while a server uses `from`, and nobody writes to it meanwhile. Holds one batch of rows in memory.
///
/// SQLite's calls block the thread, so it is for commands that do nothing else meanwhile.
pub async fn copy(from: &str, to: &str, mut report: impl FnMut(CopyStep)) -> Result<()> {
    let refused = |detail: &str| Error::new(Code::Invalid, detail.to_owned());
    let from = sqlite_path(from).ok_or_else(|| refused("--from takes sqlite:FILE; for PostgreSQL use pg_dump"))?;
    if sqlite_path(to).is_some() {
        return Err(refused("--to takes postgres://…; for SQLite use chinwag backup"));
    }
    let from = Path::new(from);
    if !from.is_file() {
        return Err(super::migrations::no_database(&from.display().to_string()));
    }
    let _lock = lock(from)?;
    let source = SqliteSnapshot::without_writers(from)?;
    let (target, is_resumed) = CopyTarget::open(to).await?;
    if is_resumed {
        report(CopyStep::Resumed);
    }
    for table in COPIED_TABLES {
        let mut key = target.last_key(table).await?;
        loop {
            let rows = source.page(table, key.as_deref())?;
            let Some(last) = rows.last() else { break };
            target.insert(table, &rows).await?;
            key = Some(last[..table.key_width].to_vec());
            report(CopyStep::Rows { table: table.name, rows: rows.len() });
        }
    }
    for table in COPIED_TABLES {
        let (rows, sha256) = compare(&source, &target, table).await?;
        report(CopyStep::Compared { table: table.name, rows, sha256 });
    }
    target.finish().await
}

/// Reads a table of both databases. Returns the number of rows and their hash if they are the same.
async fn compare(source: &SqliteSnapshot, target: &CopyTarget, table: &CopiedTable) -> Result<(u64, String)> {
    let (mut original, mut copied) = (TableDigest::new(), TableDigest::new());
    let key_of = |rows: &[TableRow]| rows.last().map(|last| last[..table.key_width].to_vec());
    let mut key = None;
    loop {
        let rows = source.page(table, key.as_deref())?;
        original.add(&rows);
        key = key_of(&rows);
        if key.is_none() {
            break;
        }
    }
    loop {
        let rows = target.page(table, key.as_deref()).await?;
        copied.add(&rows);
        key = key_of(&rows);
        if key.is_none() {
            break;
        }
    }
    let (original, copied) = (original.finish(), copied.finish());
    if original == copied {
        return Ok(original);
    }
    let detail = format!(
        "{} differs after the copy: {} rows, of which {} were copied; the source has changed since the copy began, or the target was \
         written to; empty the target, and copy again",
        table.name, original.0, copied.0
    );
    Err(Error::new(Code::Unavailable, detail))
}
