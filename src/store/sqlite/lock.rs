//! The lock that keeps a second server from a database.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::files::{beside, resolved};
use crate::domain::{Code, Error, Result};

/// The ending of the name of the file that a server locks, after the name of the database. The file is empty and stays: a process that removed it could
/// remove the one that the next process has just locked.
const LOCK: &str = "-lock";

/// The right to serve a database. It ends when it is dropped or when the process ends, however it ends.
#[must_use]
pub struct ServerLock {
    _file: File,
}

/// Takes the lock of the database at `path`, which need not exist yet. Fails if another process holds it.
pub(in crate::store) fn lock(path: &Path) -> Result<ServerLock> {
    let refused = |cause: String| {
        Error::new(Code::Unavailable, format!("the database {} cannot be locked: {cause}", path.display()))
    };
    let name = beside(&resolved(path).map_err(|error| refused(error.to_string()))?, LOCK);
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&name);
    let file = file.map_err(|error| refused(error.to_string()))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(ServerLock { _file: file }),
        Err(Errno::WOULDBLOCK) => {
            Err(Error::new(Code::Unavailable, format!("another server uses the database {}", path.display())))
        }
        Err(error) => Err(refused(format!("{}: {error}", name.display()))),
    }
}
