//! The files of a database: the database itself, and those that SQLite and chinwag keep beside it.
//!
//! No code opens the database file but SQLite: when a process closes any descriptor of a file, the kernel drops all locks that the process
//! has on that file, and SQLite's are of this kind.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ffi};
use rustix::fs::{CWD, FileType, Mode, mknodat};

/// The permission bits of the group and of all other users.
const OTHERS: u32 = 0o077;
/// SQLite names its write-ahead log, that log's index, and its rollback journal by the name of the database and these endings.
pub(super) const WAL: &str = "-wal";
pub(super) const SHM: &str = "-shm";
pub(super) const JOURNAL: &str = "-journal";
/// Tables that every version of the schema has.
const IS_OURS: &str = "SELECT count(*) = 0
        OR sum(type = 'table' AND name IN ('schema_versions', 'users', 'conversations', 'counters', 'messages')) = 5
    FROM sqlite_schema";

/// Returns the path of a file beside the database.
pub(super) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(suffix);
    name.into()
}

/// Returns the path without links, so that two names of one database are one path. The file need not exist.
pub(super) fn resolved(database: &Path) -> io::Result<PathBuf> {
    match (database.canonicalize(), database.file_name()) {
        (Err(error), Some(name)) if error.kind() == io::ErrorKind::NotFound => {
            let folder = database.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
            Ok(folder.canonicalize()?.join(name))
        }
        (result, _) => result,
    }
}

/// Creates an empty file that only its owner can read, whatever the umask, unless it exists. SQLite takes it for an empty database, and
/// gives the files beside it the same mode.
pub(super) fn create_private(database: &Path) {
    // `mknod` creates a file without opening it. Its error is left to SQLite, which opens the file next and has the same reason to fail.
    let _ = mknodat(CWD, database, FileType::RegularFile, Mode::RUSR | Mode::WUSR, 0);
}

/// Takes the group's and others' permissions from the database and from the files beside it, which earlier versions created by the umask.
pub(super) fn make_private(database: &Path) {
    for file in [database.to_owned(), beside(database, WAL), beside(database, SHM)] {
        let Ok(metadata) = fs::metadata(&file) else { continue };
        let mode = metadata.permissions().mode();
        if mode & OTHERS == 0 {
            continue;
        }
        let file_name = file.display();
        match fs::set_permissions(&file, Permissions::from_mode(mode & !OTHERS)) {
            Ok(()) => tracing::info!(file = %file_name, "only the owner can read this file now"),
            Err(error) => tracing::warn!(file = %file_name, %error, "other users can read this file"),
        }
    }
}

/// Fails if the database has tables, and they are another program's. Only reads.
pub(super) fn refuse_foreign(db: &Connection) -> rusqlite::Result<()> {
    let is_ours = db.query_row(IS_OURS, [], |row| row.get(0))?;
    if is_ours { Ok(()) } else { Err(failure(ffi::SQLITE_NOTADB, "it is the database of another program")) }
}

/// Makes an error of a cause that SQLite does not know.
pub(super) fn failure(code: i32, cause: &str) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(code), Some(cause.to_owned()))
}

/// Flushes the names in the folder of `file`, so that a renamed file has its new name after a power failure.
pub(super) fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
