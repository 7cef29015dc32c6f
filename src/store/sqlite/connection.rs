//! Opens connections to SQLite's file, and migrates its schema.

use std::path::Path;
use std::thread;
use std::time::Instant;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior, ffi, params};

use super::files::{self, failure};
use super::message_scan::CREATE_PLACES;
use super::sql::is_busy;
use crate::domain::{Code, Error, Result};
use crate::limits;
use crate::store::Opening;
use crate::store::migrations::{self, Migration};

/// The capacity of a connection's cache of prepared statements. The adapter has fewer statements.
const STATEMENTS: usize = 96;
/// The size of a page of the write-ahead log, in bytes. This is SQLite's default.
const PAGE_BYTES: i64 = 4_096;

/// Opens the connection that writes, and migrates the schema to this binary's or checks it. An error's text is for the operator.
pub(super) fn writer(path: &Path, opening: Opening) -> Result<Connection> {
    let refused = |cause: rusqlite::Error| {
        Error::new(Code::Unavailable, format!("the database {} cannot be opened: {cause}", path.display()))
    };
    if opening == Opening::Existing {
        check(path)?;
    }
    let mut db = open(path).map_err(refused)?;
    if opening == Opening::Migrate {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(refused)?;
        transaction.execute_batch(migrations::TABLE).map_err(refused)?;
        let (version, needs) = versions(&transaction).map_err(refused)?;
        let pending = migrations::pending(version, needs)?;
        migrations::log_start(pending);
        migrate(transaction, pending).map_err(refused)?;
    }
    db.busy_timeout(limits::SQLITE_BUSY_TIMEOUT).map_err(refused)?;
    Ok(db)
}

/// Checks that `path` is a database of chinwag with this binary's schema. Only reads, so that another program's database stays as it is.
pub(super) fn check(path: &Path) -> Result<()> {
    let no_database = || migrations::no_database(&path.display().to_string());
    if !path.is_file() {
        return Err(no_database());
    }
    let found = open_to_read(path).and_then(|db| versions(&db));
    let (version, needs) = found.map_err(|error| if is_busy(&error) { error.into() } else { no_database() })?;
    migrations::require_current(version, needs)
}

/// Opens a connection that may write. It waits for another process that migrates for at most [`limits::MIGRATION_LOCK_TIMEOUT`].
fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    files::create_private(path);
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(limits::MIGRATION_LOCK_TIMEOUT)?;
    files::refuse_foreign(&db)?;
    use_wal(&db)?;
    files::make_private(path);
    // An acknowledged write survives a power failure. With NORMAL SQLite would not flush the log at each commit.
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", "ON")?;
    // Deleted text is overwritten. With FAST the text of a long message stays in pages that are free.
    db.pragma_update(None, "secure_delete", "ON")?;
    db.pragma_update(None, "wal_autocheckpoint", limits::SQLITE_WAL_PAGES)?;
    db.pragma_update(None, "journal_size_limit", limits::SQLITE_WAL_PAGES * PAGE_BYTES)?;
    // Negative: in KiB and not in pages.
    db.pragma_update(None, "cache_size", -i64::from(limits::SQLITE_WRITER_CACHE_KIB))?;
    keep_statements(&db)?;
    Ok(db)
}

/// Opens a connection that reads.
pub(super) fn reader(path: &Path) -> Result<Connection> {
    let db = open_to_read(path)?;
    db.execute_batch(CREATE_PLACES)?;
    Ok(db)
}

pub(super) fn open_to_read(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(limits::SQLITE_BUSY_TIMEOUT)?;
    // Negative: in KiB and not in pages.
    db.pragma_update(None, "cache_size", -i64::from(limits::SQLITE_READER_CACHE_KIB))?;
    keep_statements(&db)?;
    Ok(db)
}

/// Keeps statements prepared. Without the planner's stability guarantee (QPSG), plans may depend on bound values, and SQLite would
/// prepare a statement with a bound LIMIT anew at each use.
fn keep_statements(db: &Connection) -> rusqlite::Result<()> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

/// Turns the write-ahead log on, which the database file remembers. If two connections do so in a new database at once, each holds a
/// lock that the other needs, and SQLite returns "busy" to one of them without waiting. That one tries again.
fn use_wal(db: &Connection) -> rusqlite::Result<()> {
    let deadline = Instant::now() + limits::MIGRATION_LOCK_TIMEOUT;
    loop {
        match db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0)) {
            Err(error) if is_busy(&error) && Instant::now() < deadline => thread::sleep(limits::RETRY_PAUSE),
            Ok(mode) if mode != "wal" => return Err(no_wal()),
            result => return result.map(drop),
        }
    }
}

fn no_wal() -> rusqlite::Error {
    failure(ffi::SQLITE_CANTOPEN, "this file system does not support a write-ahead log")
}

/// Returns the version of the schema, and the version that a binary must know to run on it.
pub(super) fn versions(db: &Connection) -> rusqlite::Result<(i64, i64)> {
    db.query_row("SELECT coalesce(max(version), 0), coalesce(max(needs), 0) FROM schema_versions", [], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })
}

fn migrate(transaction: Transaction<'_>, pending: &[Migration]) -> rusqlite::Result<()> {
    for migration in pending {
        transaction.execute_batch(migration.sqlite())?;
        transaction.execute(
            "INSERT INTO schema_versions (version, needs) VALUES (?1, ?2)",
            params![migration.version, migration.sqlite_needs()],
        )?;
    }
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::{migrate, open, writer};
    use crate::store::Opening;
    use crate::store::migrations::{MIGRATIONS, TABLE};
    use crate::store::sqlite::writer::Writer;

    /// SQLite's number for `synchronous=FULL`.
    const FULL: i64 = 2;

    #[tokio::test]
    async fn the_writer_flushes_the_log_at_each_commit() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("chinwag.db");
        // The test asks the writer's thread, because the setting belongs to a connection and is not stored in the file.
        let writer = Writer::start(writer(&path, Opening::Migrate).expect("a database"), &path).expect("a thread");
        let mode = writer.run(|db| Ok(db.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0))?)).await;
        assert_eq!(mode, Ok(FULL), "a power failure could lose acknowledged writes");
    }

    #[test]
    fn messages_of_every_earlier_version_are_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        for earlier in 1..MIGRATIONS.len() {
            let path = folder.path().join(format!("{earlier}.db"));
            let mut db = open(&path).expect("a database");
            let transaction = db.transaction().expect("begins");
            transaction.execute_batch(TABLE).expect("the table of versions");
            migrate(transaction, &MIGRATIONS[..earlier]).expect("an earlier version");
            let insert = "INSERT INTO messages (conversation_id, seq, id, sender_id, content, timestamp)
                 VALUES (x'01', 7, x'02', x'03', 'kept', 4)";
            db.execute(insert, []).expect("inserted");
            drop(db);

            let db = writer(&path, Opening::Migrate).expect("migrated");
            let find =
                "SELECT seq, content, timestamp, edited_at FROM messages WHERE conversation_id = x'01' AND id = x'02'";
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
            let found: (i64, String, i64, Option<i64>) = db.query_row(find, [], row).expect("still there");
            assert_eq!(found, (7, "kept".to_owned(), 4, None), "from version {earlier}");
            assert!(db.execute(&insert.replace('7', "8"), []).is_err(), "an id exists once in a conversation");
        }
    }
}
