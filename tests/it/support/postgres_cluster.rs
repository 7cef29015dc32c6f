//! A PostgreSQL of one test, which may stop, pause and kill it.

use std::fs;
use std::io::Write;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::postgres::{USER, command, fresh, init, need, own, spawn, wait_until_it_answers};
use super::reserved_port::ReservedPort;

/// The server lives until standard input is closed, which the kernel does when the test ends, however it ends. Its folder is
/// removed too, unless the test wrote a line.
const OWN: &str = r#"
cd "$1" || exit
postgres -D data -p "$2" >>log 2>&1 & server=$!
read -r keep; kill -CONT $server; kill -QUIT $server; wait $server
test "$keep" || rm -rf "$1"
"#;

/// A server for one test, which may stop or pause it. It stops on drop.
pub(crate) struct Cluster {
    folder: tempfile::TempDir,
    port: ReservedPort,
    parent: Child,
}

impl Cluster {
    /// Starts a server.
    pub(crate) async fn start() -> Self {
        tokio::task::spawn_blocking(|| {
            let folder = tempfile::Builder::new().prefix("chinwag-").tempdir().unwrap();
            own(folder.path());
            init(folder.path(), "");
            Self::run(folder)
        })
        .await
        .unwrap()
    }

    /// Runs the server whose data is in the folder, and waits until it answers.
    fn run(folder: tempfile::TempDir) -> Self {
        let port = ReservedPort::new();
        let parent = spawn(OWN, folder.path(), port.number, Stdio::piped());
        wait_until_it_answers(port.number, folder.path());
        Self { folder, port, parent }
    }

    /// Starts a standby of this server, which answers reads.
    pub(crate) async fn standby(&self) -> Self {
        let primary_port = self.port();
        tokio::task::spawn_blocking(move || {
            let folder = tempfile::Builder::new().prefix("chinwag-").tempdir().unwrap();
            own(folder.path());
            let output = command(&need("pg_basebackup"), folder.path())
                .args(["--host=127.0.0.1", "--username", USER, "--pgdata=data", "--checkpoint=fast", "--no-sync"])
                .args(["--write-recovery-conf", "--port", &primary_port.to_string()])
                .output()
                .unwrap();
            assert!(output.status.success(), "pg_basebackup: {}", String::from_utf8_lossy(&output.stderr));
            Self::run(folder)
        })
        .await
        .unwrap()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port.number
    }

    /// Returns the server's log.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Creates an empty database, and returns its URL.
    pub(crate) async fn database(&self) -> String {
        fresh(self.port()).await
    }

    /// Stops the server as a crash does, and starts it again.
    pub(crate) fn restart(&mut self) {
        self.crash();
        self.start_again();
    }

    /// Stops the server as a crash does.
    pub(crate) fn crash(&mut self) {
        self.parent.stdin.as_mut().unwrap().write_all(b"keep\n").unwrap();
        self.stop();
    }

    /// Starts a crashed server again on the same folder and port, and waits until it answers.
    pub(crate) fn start_again(&mut self) {
        self.parent = spawn(OWN, self.folder.path(), self.port(), Stdio::piped());
        wait_until_it_answers(self.port(), self.folder.path());
    }

    /// Kills the server's processes with SIGKILL.
    pub(crate) fn kill(&self) {
        // Paused, so that no child sees another one die and ends by itself.
        self.pause();
        let (postmaster, children) = (self.postmaster(), self.children());
        for process in children.iter().chain([&postmaster]) {
            send(process, Signal::KILL);
        }
    }

    /// Pauses the server's processes: sockets stay open and get no answer.
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Resumes a paused server.
    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Sends a signal to the postmaster and its children, each of which is in a process group of its own.
    fn signal(&self, signal: Signal) {
        // The postmaster first, so that it starts no further children.
        send(&self.postmaster(), signal);
        self.children().iter().for_each(|child| send(child, signal));
    }

    fn postmaster(&self) -> String {
        let lines = fs::read_to_string(self.folder.path().join("data/postmaster.pid")).unwrap();
        lines.lines().next().unwrap().to_owned()
    }

    fn children(&self) -> Vec<String> {
        let children = Command::new("pgrep").args(["-P", &self.postmaster()]).output().unwrap().stdout;
        String::from_utf8(children).unwrap().lines().map(str::to_owned).collect()
    }

    fn stop(&mut self) {
        drop(self.parent.stdin.take());
        self.parent.wait().unwrap();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.resume();
        self.stop();
    }
}

fn send(pid: &str, signal: Signal) {
    let _ = kill_process(Pid::from_raw(pid.parse().unwrap()).unwrap(), signal); // a child may have ended
}
