//! The server as a process of its own, at an address that it keeps, so that it can be killed and started again.
//!
//! It is the binary that `CHINWAG_BIN` names, or else the one that was built with the tests.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, PipeReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::{env, io, thread};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpSocket;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

use super::client::Person;
use super::postgres;
use super::server::{StoreKind, bind};
use super::socket::PATIENCE;

/// Lines of the log that are kept, to be shown when a test fails.
const LINES_KEPT: usize = 60;

/// A server, running or not. Dropping it kills it.
pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    pub(crate) arguments: Vec<String>,
    /// Variables besides those of the tests' environment, none of which are Chinwag's.
    pub(crate) environment: Vec<(String, String)>,
    /// What runs the program, if it is not run by itself.
    pub(crate) runner: Vec<String>,
    /// The binary.
    pub(crate) program: OsString,
    child: Option<Child>,
    said: Arc<Said>,
    /// Keeps the port while the server is away: whoever connects is refused.
    _place: TcpSocket,
    data: TempDir,
}

/// Bytes of a process's memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub(crate) now: usize,
    pub(crate) peak: usize,
}

/// What the server has said, over all its lives.
#[derive(Default)]
struct Said {
    lines: Mutex<VecDeque<String>>,
    /// Panics and errors of its own.
    defects: Mutex<Vec<String>>,
    /// How often it was ready.
    ready: watch::Sender<usize>,
}

impl Node {
    /// A server on a store of its own; it is not started yet.
    pub(crate) async fn on(store: StoreKind) -> Self {
        match store {
            StoreKind::Sqlite => Self::with(&[]),
            StoreKind::Postgres => Self::with(&["--database-url", &postgres::database().await]),
        }
    }

    /// A server with these arguments; it is not started yet.
    pub(crate) fn with(arguments: &[&str]) -> Self {
        let place = bind(([127, 0, 0, 1], 0).into());
        let address = place.local_addr().unwrap();
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
            said: Arc::default(),
            _place: place,
            data,
        }
    }

    /// Starts it and waits until it is ready.
    pub(crate) async fn start(&mut self) {
        assert!(self.child.is_none(), "it runs");
        let mut words: Vec<OsString> = self.runner.iter().map(Into::into).collect();
        words.push(self.program.clone());
        words.extend(self.arguments.iter().map(Into::into));
        let mut command = Command::new(&words[0]);
        let ours = env::vars().map(|(name, _)| name).filter(|name| name.starts_with("CHINWAG_"));
        for name in ours.chain(["DATABASE_URL", "NATS_URL", "RUST_LOG"].map(str::to_owned)) {
            command.env_remove(name);
        }
        let (output, input) = io::pipe().unwrap();
        command.args(&words[1..]).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(input.try_clone().unwrap()).stderr(input).kill_on_drop(true);
        let mut ready = self.said.ready.subscribe();
        let before = *ready.borrow();
        self.child = Some(command.spawn().unwrap());
        drop(command); // and with it our ends of the pipe
        let said = Arc::clone(&self.said);
        // A thread of its own, since somebody has to read for as long as the server writes.
        thread::spawn(move || said.read(output));
        let started = timeout(PATIENCE, ready.wait_for(|times| *times > before)).await.is_ok();
        assert!(started, "it is not ready:\n{}", self.said.shown());
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.pid().cast_signed()).unwrap(), signal).unwrap();
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().and_then(Child::id).expect("it runs")
    }

    /// Its data folder.
    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// How many bytes of memory it has, and how many it has had at the most.
    pub(crate) fn memory(&self) -> Memory {
        let pid = self.child.as_ref().and_then(Child::id).expect("it runs");
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim_matches(|c: char| !c.is_ascii_digit()).parse::<usize>().unwrap() * 1024
        };
        Memory { now: bytes("VmRSS:"), peak: bytes("VmHWM:") }
    }

    /// Kills it as a crash would.
    pub(crate) async fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.ended().await;
    }

    /// Waits until it has ended: how.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        let ended = timeout(PATIENCE, child.wait()).await;
        ended.unwrap_or_else(|_| panic!("it does not end:\n{}", self.said.shown())).unwrap()
    }

    /// Somebody new.
    pub(crate) async fn person(&self, username: &str) -> Person {
        Person::register(self.address, username).await
    }
}

/// The binary.
pub(crate) fn program() -> OsString {
    env::var_os("CHINWAG_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_chinwag").into())
}

impl Drop for Node {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}", self.said.shown());
            return;
        }
        let defects = self.said.defects.lock().unwrap();
        assert!(defects.is_empty(), "{defects:#?}");
    }
}

impl Said {
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
            if lines.len() > LINES_KEPT {
                lines.pop_front();
            }
        }
    }

    fn shown(&self) -> String {
        self.lines.lock().unwrap().iter().fold("The server said:\n".to_owned(), |said, line| said + line + "\n")
    }
}
