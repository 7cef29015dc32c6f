//! Faults of SQLite.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rustix::process::geteuid;
use tokio::process::Command;
use tokio::time::timeout;

use super::{Fault, endure};
use crate::support::node::{Node, program};
use crate::support::server::StoreKind;
use crate::support::socket::TEST_TIMEOUT;

/// Another process with a write transaction that does not end.
struct Locked(Connection);

impl Fault for Locked {
    async fn begin(&mut self) {
        self.0.execute_batch("BEGIN EXCLUSIVE").unwrap();
    }

    async fn end(&mut self) {
        self.0.execute_batch("ROLLBACK").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locked_by_another_process() {
    endure("SQLite locked by another process", Node::on(StoreKind::Sqlite).await, async |fixture| {
        let other = Connection::open(fixture.node.data().join("chinwag.db")).unwrap();
        other.busy_timeout(super::PROMISED).unwrap();
        Locked(other)
    })
    .await;
}

/// Returns a command that runs a program with a small disk mounted on a folder. Only the program sees the mount, and it ends with
/// the program. Where mounting is not permitted, the program does not start and the test fails.
fn on_a_small_disk(folder: &Path, size: &str) -> Vec<String> {
    // A user other than root becomes root in a user namespace.
    let become_root: &[&str] = if geteuid().is_root() { &[] } else { &["--map-root-user"] };
    let mount = format!("mount -t tmpfs -o size={size} tmpfs \"$0\" && exec \"$@\"");
    let words = [&["unshare", "--mount"], become_root, &["sh", "-c", &mount, folder.to_str().unwrap()]].concat();
    words.into_iter().map(str::to_owned).collect()
}

/// A full disk: another file fills it, and is removed again.
struct Full {
    /// The disk's path outside of the server's mount namespace.
    ballast: PathBuf,
}

impl Fault for Full {
    async fn begin(&mut self) {
        let mut ballast = File::create(&self.ballast).unwrap();
        for step in [1 << 16, 1 << 9] {
            while ballast.write_all(&vec![0; step]).map_err(|error| error.kind()) != Err(ErrorKind::StorageFull) {}
        }
    }

    async fn end(&mut self) {
        fs::remove_file(&self.ballast).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disk_full() {
    let mut node = Node::on(StoreKind::Sqlite).await;
    node.runner = on_a_small_disk(node.data(), "256m");
    endure("SQLite's disk full", node, async |fixture| {
        let root = format!("/proc/{}/root", fixture.node.pid());
        let folder = fixture.node.data().strip_prefix("/").unwrap();
        Full { ballast: Path::new(&root).join(folder).join("ballast") }
    })
    .await;
}

#[tokio::test]
async fn a_disk_that_is_full_at_start_is_told_in_one_line() {
    // Room for no file; for the secret alone; for the database's first pages.
    for (size, named) in [("4k,nr_inodes=1", "CHINWAG_DATA"), ("4k", "chinwag.db"), ("64k", "chinwag.db")] {
        let data = tempfile::tempdir().unwrap();
        let runner = on_a_small_disk(data.path(), size);
        let mut command = Command::new(&runner[0]);
        command.args(&runner[1..]).arg(program()).args(["--listen", "127.0.0.1:0", "--data"]).arg(data.path());
        for variable in ["DATABASE_URL", "DATABASE_URL_FILE", "NATS_URL", "RUST_LOG"] {
            command.env_remove(variable);
        }
        let ended = timeout(TEST_TIMEOUT, command.kill_on_drop(true).output()).await;
        let ended = ended.unwrap_or_else(|_| panic!("{size}: the server does not end")).unwrap();
        let output = [ended.stderr, ended.stdout].map(|output| String::from_utf8(output).unwrap()).concat();
        assert!(!ended.status.success(), "{output}");
        assert_eq!(output.lines().count(), 1, "{size}: {output}");
        let full = ["database or disk is full", "No space left on device"].iter().any(|words| output.contains(words));
        assert!(output.contains(named) && full, "{size}: {output}");
    }
}
