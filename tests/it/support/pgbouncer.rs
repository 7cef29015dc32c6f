//! A PgBouncer before the tests' PostgreSQL.

use std::fs;
use std::process::{Child, Stdio};

use tempfile::TempDir;

use super::postgres::{own, spawn, wait_until_it_answers};
use super::reserved_port::ReservedPort;

/// The pooler lives until standard input is closed, which the kernel does when the test ends, however it ends.
const SCRIPT: &str = r#"
cd "$1" || exit
PATH=$PATH:/usr/sbin pgbouncer pgbouncer.ini >log 2>&1 & pooler=$!
read -r end; kill -TERM $pooler; wait $pooler; rm -rf "$1"
"#;

/// A pooler, which stops on drop.
pub(crate) struct PgBouncer {
    /// The URL of the database through the pooler.
    pub(crate) url: String,
    parent: Child,
    _reserved_port: ReservedPort,
    _folder: TempDir,
}

impl PgBouncer {
    /// Starts a pooler with these lines of settings before the server of a database.
    pub(crate) async fn start(url: &str, settings: &str) -> Self {
        let (before, place) = url.rsplit_once('@').unwrap();
        let (server, name) = place.split_once('/').unwrap();
        let (_, server_port) = server.rsplit_once(':').unwrap();
        let reserved_port = ReservedPort::new();
        let port = reserved_port.number;
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={server_port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = trust\nauth_file = users\n{settings}\n"
        );
        let url = format!("{before}@127.0.0.1:{port}/{name}");
        tokio::task::spawn_blocking(move || {
            let folder = tempfile::Builder::new().prefix("chinwag-").tempdir().unwrap();
            own(folder.path());
            fs::write(folder.path().join("users"), "\"chinwag\" \"\"\n").unwrap();
            fs::write(folder.path().join("pgbouncer.ini"), text).unwrap();
            let parent = spawn(SCRIPT, folder.path(), port, Stdio::piped());
            wait_until_it_answers(port, folder.path());
            Self { url, parent, _reserved_port: reserved_port, _folder: folder }
        })
        .await
        .unwrap()
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        drop(self.parent.stdin.take());
        self.parent.wait().unwrap();
    }
}
