//! Connections: how they are set up, and how the schema comes to its newest version.

use std::path::Path;
use std::thread;
use std::time::Instant;

use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};

use super::sql::is_busy;
use crate::domain::{Error, Result};
use crate::limits;
use crate::store::migrations;

/// Statements that stay prepared: more than the adapter knows.
const STATEMENTS: usize = 96;
/// Bytes of a page of the write-ahead log; SQLite's default.
const PAGE_BYTES: i64 = 4_096;

/// The connection that writes, to a database whose schema is this binary's.
pub(super) fn writer(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(limits::MIGRATION_LOCK_TIMEOUT)?;
    use_wal(&db)?;
    // What is acknowledged survives a power failure: NORMAL would not flush the log at each commit.
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", "ON")?;
    db.pragma_update(None, "wal_autocheckpoint", limits::SQLITE_WAL_PAGES)?;
    db.pragma_update(None, "journal_size_limit", limits::SQLITE_WAL_PAGES * PAGE_BYTES)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    migrate(&mut db)?;
    db.busy_timeout(limits::SQLITE_BUSY_TIMEOUT)?;
    Ok(db)
}

/// A connection that reads.
pub(super) fn reader(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(limits::SQLITE_BUSY_TIMEOUT)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(db)
}

/// Turns the write-ahead log on, which a database remembers. Of two that do so to a new database at once, SQLite tells one
/// that it is busy without waiting, because both hold a lock that the other needs.
fn use_wal(db: &Connection) -> Result<()> {
    let give_up = Instant::now() + limits::MIGRATION_LOCK_TIMEOUT;
    let mode = loop {
        match db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0)) {
            Err(error) if is_busy(&error) && Instant::now() < give_up => thread::sleep(limits::RETRY_PAUSE),
            answer => break answer?,
        }
    };
    if mode == "wal" { Ok(()) } else { Err(Error::internal("SQLite: this file system takes no write-ahead log")) }
}

fn migrate(db: &mut Connection) -> Result<()> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(migrations::TABLE)?;
    let (version, needs) = transaction.query_row(
        "SELECT coalesce(max(version), 0), coalesce(max(needs), 0) FROM schema_versions",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    for migration in migrations::pending(version, needs)? {
        transaction.execute_batch(migration.sqlite())?;
        transaction.execute(
            "INSERT INTO schema_versions (version, needs) VALUES (?1, ?2)",
            params![migration.version, migration.needs],
        )?;
    }
    transaction.commit()?;
    Ok(())
}
