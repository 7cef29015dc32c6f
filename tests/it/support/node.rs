//! A server in a process of its own, with a fixed address, so that it can be killed and started again.
//!
//! The binary is the one that `CHINWAG_BIN` names, or else the one that was built with the tests.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, PipeReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{env, io, thread};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpSocket;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

use super::client::TestUser;
use super::postgres;
use super::server::{StoreKind, bind};
use super::socket::TEST_TIMEOUT;

/// The number of log lines that are kept: more than a server writes while a test waits for one of them.
const LOG_LINES_MAX: usize = 10_000;
/// The number of log lines that are printed when a test fails.
const LOG_LINES_PRINTED: usize = 60;

/// A server process, running or not, which is killed on drop.
pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    pub(crate) arguments: Vec<String>,
    /// Environment variables besides those of the tests, from which Chinwag's are removed.
    pub(crate) environment: Vec<(String, String)>,
    /// The command that runs the program, empty if it runs by itself.
    pub(crate) runner: Vec<String>,
    pub(crate) program: OsString,
    child: Option<Child>,
    log: Arc<ServerLog>,
    /// Reserves the port while the server is stopped, so that connections are refused.
    _reserved_port: TcpSocket,
    data: TempDir,
}

/// The resident memory of a process, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub(crate) now: usize,
    pub(crate) peak: usize,
}

/// The output of the server, over all its starts.
#[derive(Default)]
struct ServerLog {
    lines: Mutex<VecDeque<String>>,
    /// Panics and log lines of level ERROR.
    defects: Mutex<Vec<String>>,
    /// Wakes those who wait for a line.
    written: watch::Sender<()>,
    /// How often the server was ready.
    ready: watch::Sender<usize>,
}

impl Node {
    /// Creates a server on a store of its own, without starting it.
    pub(crate) async fn on(store: StoreKind) -> Self {
        match store {
            StoreKind::Sqlite => Self::with(&[]),
            StoreKind::Postgres => Self::with(&["--database-url", &postgres::migrated_database().await]),
        }
    }

    /// Creates a server with these arguments, without starting it.
    pub(crate) fn with(arguments: &[&str]) -> Self {
        let reserved_port = bind(([127, 0, 0, 1], 0).into());
        let address = reserved_port.local_addr().unwrap();
        let data = tempfile::tempdir().unwrap();
        let mut all = vec!["--rate-limits", "off", "--data", data.path().to_str().unwrap()];
        all.extend(arguments);
        let arguments = all.into_iter().map(str::to_owned).chain([format!("--listen={address}")]).collect();
        Self {
            address,
            arguments,
            environment: Vec::new(),
            runner: Vec::new(),
            program: program(),
            child: None,
            log: Arc::default(),
            _reserved_port: reserved_port,
            data,
        }
    }

    /// Starts the server and waits until it is ready.
    pub(crate) async fn start(&mut self) {
        assert!(self.child.is_none(), "the server runs already");
        let mut words: Vec<OsString> = self.runner.iter().map(Into::into).collect();
        words.push(self.program.clone());
        words.extend(self.arguments.iter().map(Into::into));
        let mut command = Command::new(&words[0]);
        for name in variables() {
            command.env_remove(name);
        }
        let (output, input) = io::pipe().unwrap();
        command.args(&words[1..]).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(input.try_clone().unwrap()).stderr(input).kill_on_drop(true);
        let mut ready = self.log.ready.subscribe();
        let before = *ready.borrow();
        self.child = Some(command.spawn().unwrap());
        drop(command); // which closes this process's ends of the pipe
        let log = Arc::clone(&self.log);
        // A thread of its own, because the output must be read as long as the server writes.
        thread::spawn(move || log.read(output));
        let started = timeout(TEST_TIMEOUT, ready.wait_for(|times| *times > before)).await.is_ok();
        assert!(started, "the server is not ready:\n{}", self.log.last_lines());
    }

    /// Sends a signal to the process.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.pid().cast_signed()).unwrap(), signal).unwrap();
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().and_then(Child::id).expect("the server runs")
    }

    /// Returns the data folder.
    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// Returns the resident memory of the process, and its peak.
    pub(crate) fn memory(&self) -> Memory {
        let pid = self.child.as_ref().and_then(Child::id).expect("the server runs");
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim_matches(|c: char| !c.is_ascii_digit()).parse::<usize>().unwrap() * 1024
        };
        Memory { now: bytes("VmRSS:"), peak: bytes("VmHWM:") }
    }

    /// Kills the process with SIGKILL.
    pub(crate) async fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.ended().await;
    }

    /// Waits for the end of the process, and returns its exit status.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("the server runs");
        let ended = timeout(TEST_TIMEOUT, child.wait()).await;
        ended.unwrap_or_else(|_| panic!("the server does not end:\n{}", self.log.last_lines())).unwrap()
    }

    /// Waits until a text is in this many lines of the log.
    pub(crate) async fn has_logged(&self, text: &str, times: usize) {
        self.has_logged_within(TEST_TIMEOUT, text, times).await;
    }

    /// Waits for a text as [`Node::has_logged`] does, for another time.
    pub(crate) async fn has_logged_within(&self, time: Duration, text: &str, times: usize) {
        let mut written = self.log.written.subscribe();
        let logged = timeout(time, written.wait_for(|()| self.count_logged(text) >= times)).await.is_ok();
        assert!(logged, "the server has not logged {text:?}:\n{}", self.log.last_lines());
    }

    /// Returns the number of lines of the log that contain a text.
    pub(crate) fn count_logged(&self, text: &str) -> usize {
        self.log.lines.lock().unwrap().iter().filter(|line| line.contains(text)).count()
    }

    /// Registers a user.
    pub(crate) async fn register(&self, username: &str) -> TestUser {
        TestUser::register(self.address, username).await
    }
}

/// Returns the names of the environment variables that a server reads, so that tests start it without those of whoever runs them.
pub(crate) fn variables() -> impl Iterator<Item = String> {
    let others =
        ["DATABASE_URL", "DATABASE_URL_FILE", "NATS_URL", "NATS_URL_FILE", "NATS_CREDENTIALS_FILE", "RUST_LOG"];
    let ours = env::vars().map(|(name, _)| name).filter(|name| name.starts_with("CHINWAG_"));
    ours.chain(others.map(str::to_owned))
}

/// Returns the path of the binary.
pub(crate) fn program() -> OsString {
    env::var_os("CHINWAG_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_chinwag").into())
}

impl Drop for Node {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}", self.log.last_lines());
            return;
        }
        let defects = self.log.defects.lock().unwrap();
        assert!(defects.is_empty(), "{defects:#?}");
    }
}

impl ServerLog {
    fn read(&self, output: PipeReader) {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            let entry: Value = serde_json::from_str(&line).unwrap_or_default();
            if entry["level"] == "ERROR" || line.contains("panicked at") {
                self.defects.lock().unwrap().push(line.clone());
            }
            if entry["message"] == "chinwag is ready" {
                self.ready.send_modify(|times| *times += 1);
            }
            let mut lines = self.lines.lock().unwrap();
            lines.push_back(line);
            if lines.len() > LOG_LINES_MAX {
                lines.pop_front();
            }
            drop(lines);
            self.written.send_replace(());
        }
    }

    fn last_lines(&self) -> String {
        let lines = self.lines.lock().unwrap();
        let last = lines.iter().skip(lines.len().saturating_sub(LOG_LINES_PRINTED));
        last.fold("The server's log:\n".to_owned(), |log, line| log + line + "\n")
    }
}
