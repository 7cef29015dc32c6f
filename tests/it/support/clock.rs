//! A wall clock that a test sets. libfaketime replaces the server's own; the monotonic clock is not affected.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::node::Node;

/// Seconds in an hour.
pub(crate) const HOUR: i64 = 3600;

/// A server's wall clock, as an offset from the real time.
pub(crate) struct Clock {
    folder: TempDir,
}

impl Clock {
    /// Gives a node that has not started a clock of its own, which is right at first.
    pub(crate) fn of(node: &mut Node) -> Self {
        let clock = Self { folder: tempfile::tempdir().unwrap() };
        clock.set(0);
        let library =
            library().expect("the tests need libfaketime: `make test` installs it, or apt-get install faketime");
        node.environment.extend(
            [
                ("LD_PRELOAD", library.to_str().unwrap()),
                ("FAKETIME_TIMESTAMP_FILE", clock.file().to_str().unwrap()),
                ("FAKETIME_NO_CACHE", "1"),
                ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        clock
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("offset")
    }

    /// Sets the offset, in seconds.
    pub(crate) fn set(&self, offset: i64) {
        let aside = self.folder.path().join("next");
        fs::write(&aside, format!("{offset:+}\n")).unwrap();
        fs::rename(aside, self.file()).unwrap();
    }
}

/// The library's path on Debian.
fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|library| library.is_file())
}
