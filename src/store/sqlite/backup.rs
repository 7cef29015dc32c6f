//! Saves a database while a server writes to it, and puts a saved one in its place.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, ffi};
use uuid::Uuid;

use super::connection::versions;
use super::files::{self, JOURNAL, SHM, WAL, beside, failure};
use super::lock::lock;
use crate::domain::{Code, Error, Result, Timestamp};
use crate::limits;
use crate::store::migrations;

/// Saves the database at `path` in a new file, as it is at one moment.
pub(in crate::store) fn backup(path: &Path, file: &Path) -> Result<()> {
    if file.exists() {
        return Err(refused(file, "it exists; a backup needs a new file"));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(path, flags).map_err(|cause| refused(path, cause))?;
    check(&source).map_err(|cause| refused(path, cause))?;
    let new = beside(file, &format!(".{}", Uuid::now_v7()));
    let saved = copy(&source, &new).map_err(|cause| refused(file, cause)).and_then(|()| {
        fs::rename(&new, file).and_then(|()| files::sync_folder(file)).map_err(|cause| refused(file, cause))
    });
    saved.inspect_err(|_| remove(&new))
}

/// Replaces the database at `path` by the one that was saved in `file`. Returns the name under which the replaced one is kept, if there was
/// one. Fails while a server uses the database.
pub(in crate::store) fn restore(path: &Path, file: &Path) -> Result<Option<PathBuf>> {
    let _lock = lock(path)?;
    let path = &files::resolved(path).map_err(|cause| refused(path, cause))?;
    if files::resolved(file).is_ok_and(|file| file == *path) {
        return Err(refused(file, "it is the database itself"));
    }
    let source = open_saved(file).map_err(|cause| refused(file, cause))?;
    check(&source).and_then(|()| check_pages(&source)).map_err(|cause| refused(file, cause))?;
    let (version, needs) = versions(&source).map_err(|cause| refused(file, cause))?;
    migrations::pending(version, needs).map_err(|error| refused(file, error.detail))?;
    let new = beside(path, &format!(".{}", Uuid::now_v7()));
    let copied = copy(&source, &new).map_err(|cause| refused(path, cause));
    let replaced = copied.and_then(|()| replace(path, &new).map_err(|cause| refused(path, cause)));
    replaced.inspect_err(|_| remove(&new))
}

fn refused(file: &Path, cause: impl std::fmt::Display) -> Error {
    Error::new(Code::Unavailable, format!("{}: {cause}", file.display()))
}

/// Fails if the database is empty or another program's.
fn check(db: &Connection) -> rusqlite::Result<()> {
    db.busy_timeout(limits::SQLITE_BUSY_TIMEOUT)?;
    files::refuse_foreign(db)?;
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 { Err(failure(ffi::SQLITE_NOTADB, "it has no tables")) } else { Ok(()) }
}

/// Reads every page. Fails if the file was damaged or cut off.
fn check_pages(db: &Connection) -> rusqlite::Result<()> {
    let found: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(failure(ffi::SQLITE_CORRUPT, &found.replace('\n', " "))) }
}

/// Copies all pages into a new file. It is one step, which is one read transaction: a copy in several steps starts over whenever somebody
/// writes in between. `VACUUM INTO` would give the rows of `messages` new rowids.
fn copy(source: &Connection, new: &Path) -> rusqlite::Result<()> {
    files::create_private(new);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut copy = Connection::open_with_flags(new, flags)?;
    let step = Backup::new(source, &mut copy)?.step(-1)?;
    if step != StepResult::Done {
        return Err(failure(ffi::SQLITE_BUSY, "the database is locked by another process"));
    }
    // The copy is one file, which can be read where no log can be created. The server turns the write-ahead log on again.
    copy.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))
}

/// Opens a saved database, which may be on a disk that cannot be written. It is not in use, so SQLite needs no lock and no file beside it,
/// unless somebody copied a database with its log.
fn open_saved(file: &Path) -> rusqlite::Result<Connection> {
    let has_log = [WAL, JOURNAL].iter().any(|log| fs::metadata(beside(file, log)).is_ok_and(|log| log.len() > 0));
    let name = percent_encode(file.as_os_str().as_encoded_bytes(), NON_ALPHANUMERIC);
    let name = format!("file:{name}{}", if has_log { "" } else { "?immutable=1" });
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(name, flags)
}

/// Puts `new` in the place of the database. The files of the replaced one are kept under another name, and its log is removed: SQLite would
/// write an old log into the new database.
fn replace(path: &Path, new: &Path) -> io::Result<Option<PathBuf>> {
    let time: String = Timestamp::now().to_string().chars().filter(|char| !"-:".contains(*char)).collect();
    let kept = beside(path, &format!(".replaced-{time}"));
    let mut has_kept = false;
    for suffix in ["", WAL, JOURNAL] {
        has_kept |= unless_missing(fs::hard_link(beside(path, suffix), beside(&kept, suffix)))?;
    }
    empty_log(path);
    if fs::metadata(beside(&kept, WAL)).is_ok_and(|log| log.len() == 0) {
        fs::remove_file(beside(&kept, WAL))?;
    }
    files::sync_folder(path)?;
    for suffix in [WAL, JOURNAL, SHM] {
        unless_missing(fs::remove_file(beside(path, suffix)))?;
    }
    // An administrator may restore what another user's server reads.
    let (owner, made) =
        (fs::metadata(path).or_else(|_| fs::metadata(path.parent().unwrap_or(path)))?, fs::metadata(new)?);
    if (owner.uid(), owner.gid()) != (made.uid(), made.gid()) {
        chown(new, Some(owner.uid()), Some(owner.gid()))?;
    }
    fs::rename(new, path)?;
    files::sync_folder(path)?;
    Ok(has_kept.then_some(kept))
}

/// Returns false if the file that was to be linked or removed does not exist.
fn unless_missing(result: io::Result<()>) -> io::Result<bool> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        result => result.map(|()| true),
    }
}

/// Moves the log of the database that is replaced into it, so that this database is whole until it is replaced, even if the restore is
/// interrupted. A damaged database, which may be the reason to restore, and one that somebody reads are kept with their log as it is.
fn empty_log(path: &Path) {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if let Ok(db) = Connection::open_with_flags(path, flags) {
        let _ = db.busy_timeout(limits::SQLITE_WAL_TIMEOUT);
        let _ = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }
}

/// Removes an unfinished copy.
fn remove(new: &Path) {
    for suffix in ["", JOURNAL] {
        // The error that led here says more.
        let _ = fs::remove_file(beside(new, suffix));
    }
}
