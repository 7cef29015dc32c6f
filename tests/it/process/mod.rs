//! The built binary, as an operator runs it.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use futures_util::future::join_all;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::block_in_place;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::support::client::{TestUser, get};
use crate::support::node::{Memory, Node, variables};
use crate::support::postgres::database;
use crate::support::server::StoreKind;
use crate::support::socket::TEST_TIMEOUT;

mod audit;
mod commands;
mod files;
mod hangup;
mod lock;
mod log;
mod settings;

/// Returns a command that runs the binary without any of this environment's Chinwag variables.
fn chinwag(arguments: &[&str]) -> Command {
    let mut command = clean(env!("CARGO_BIN_EXE_chinwag"));
    command.args(arguments);
    command
}

/// Returns a command that runs a line of shell, and then the binary in the same process.
fn chinwag_after(line: &str) -> Command {
    let mut command = clean("/bin/sh");
    command.args(["-c", &format!("{line}; exec \"$@\""), "sh", env!("CARGO_BIN_EXE_chinwag")]);
    command
}

fn clean(program: &str) -> Command {
    let mut command = Command::new(program);
    for name in variables() {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// A running server process, which is killed on drop.
struct Running {
    child: Child,
    address: SocketAddr,
    /// The log lines before the one that says where the server is: usually none.
    before: Vec<Value>,
    ready: String,
    log: BufReader<std::process::ChildStdout>,
    data: TempDir,
    _patience: mpsc::Sender<()>,
}

/// Far longer than a process of these tests runs.
const LIFETIME_MAX: Duration = Duration::from_secs(60);

/// Kills a process that still runs after [`LIFETIME_MAX`], so that a test which reads its output or waits for its end fails. A drop
/// of the returned value ends the watch.
fn watch(process: &Child) -> mpsc::Sender<()> {
    let (over, ended) = mpsc::channel();
    let pid = Pid::from_child(process);
    thread::spawn(move || {
        if ended.recv_timeout(LIFETIME_MAX) == Err(mpsc::RecvTimeoutError::Timeout) {
            eprintln!("killed, because it still ran after {LIFETIME_MAX:?}");
            let _ = kill_process(pid, Signal::KILL); // it may have ended
        }
    });
    over
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        Self::run(chinwag(&[]), tempfile::tempdir().unwrap(), arguments)
    }

    fn run(mut command: Command, data: TempDir, arguments: &[&str]) -> Self {
        command.args(["--listen", "127.0.0.1:0", "--data"]).arg(data.path()).args(arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let patience = watch(&child);
        let mut log = BufReader::new(child.stdout.take().unwrap());
        let (mut before, mut ready) = (Vec::new(), String::new());
        while !ready.contains("http://") {
            before.extend((!ready.is_empty()).then(|| serde_json::from_str(&ready).unwrap()));
            ready.clear();
            assert!(log.read_line(&mut ready).unwrap() > 0, "it has ended: {before:?}");
        }
        let (_, url) = ready.split_once("http://").unwrap();
        let address = url.split(|c: char| !c.is_ascii_digit() && !".:".contains(c)).next().unwrap().parse().unwrap();
        Self { child, address, before, ready, log, data, _patience: patience }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Reads the next line of the log.
    fn log_line(&mut self) -> Value {
        let mut line = String::new();
        self.log.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// Ends the process by a signal, and returns its data folder.
    fn ended_by(mut self, signal: Signal) -> TempDir {
        self.signal(signal);
        self.child.wait().unwrap();
        std::mem::replace(&mut self.data, tempfile::tempdir().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn refused(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let mut command = chinwag(arguments);
    // Tests run beside each other, and any port will do.
    command.env("CHINWAG_LISTEN", "127.0.0.1:0");
    command.envs(environment.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let refusing = command.spawn().unwrap();
    let _patience = watch(&refusing);
    let Output { status, stdout, stderr } = refusing.wait_with_output().unwrap();
    assert!(!status.success() && stdout.is_empty(), "{arguments:?} {environment:?}: {status} {stdout:?}");
    String::from_utf8(stderr).unwrap()
}

#[tokio::test]
async fn the_first_log_line_says_where_everything_is() {
    let running = Running::start(&[]);
    assert!(running.before.is_empty(), "{:?}", running.before);
    let ready: Value = serde_json::from_str(&running.ready).unwrap();
    assert_eq!((&ready["level"], &ready["message"]), (&json!("INFO"), &json!("chinwag is ready")));
    let data = running.data.path().to_str().unwrap();
    assert_eq!(ready["data"], data);
    assert_eq!(ready["store"], format!("sqlite:{data}/chinwag.db"));
    assert!(ready["open_files"].as_u64().unwrap() >= 1024);
    assert_eq!(get(running.address, "/health").await.expect(200).json()["status"], "ok");
}

#[tokio::test]
async fn sigterm_ends_it_well() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut running = Running::start(&[]);
        let ada = TestUser::register(running.address, "ada").await;
        let mut socket = ada.connect("/ws").await;
        running.signal(signal);
        assert_eq!(socket.close_code().await, 1012);
        drop(socket);
        assert!(running.child.wait().unwrap().success());
        let rest: Vec<String> = running.log.by_ref().lines().map(Result::unwrap).collect();
        assert!(rest.last().unwrap().contains("stopped"), "{rest:?}");
        assert!(!rest.concat().contains(&ada.token), "no token is logged");
    }
}

/// Sends a request that never ends, because its body is not sent.
async fn half_a_request(address: SocketAddr) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let head =
        "POST /v1/users/login HTTP/1.1\r\nHost: chinwag\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    socket
}

#[tokio::test]
async fn the_grace_ends_what_does_not_end_by_itself() {
    let mut running = Running::start(&["--drain-seconds", "1"]);
    let _half = half_a_request(running.address).await;
    get(running.address, "/livez").await.expect(200);
    running.signal(Signal::TERM);
    assert!(running.child.wait().unwrap().success());
    let log: Vec<String> = running.log.by_ref().lines().map(Result::unwrap).collect();
    assert!(log.concat().contains("the grace time is over"), "{log:?}");
}

#[tokio::test]
async fn a_second_signal_leaves_at_once() {
    // The grace for that request's body is longer than this test may take.
    let mut running = Running::start(&["--drain-seconds", "600"]);
    let _half = half_a_request(running.address).await;
    get(running.address, "/livez").await.expect(200);
    running.signal(Signal::TERM);
    let mut line = String::new();
    while !line.contains("draining") {
        line.clear();
        assert!(running.log.read_line(&mut line).unwrap() > 0, "it has ended");
    }
    running.signal(Signal::TERM);
    assert_eq!(running.child.wait().unwrap().code(), Some(1));
    let log: Vec<String> = running.log.by_ref().lines().map(Result::unwrap).collect();
    assert!(!log.concat().contains("stopped"), "{log:?}");
}

/// Returns the CPU time that a process has used, in ticks of 10 ms.
fn ticks(process: &Child) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
    fields.skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_file_descriptors_it_serves_who_is_there_and_recovers() {
    const WARNING: &str = "no socket can be accepted";
    let mut running = Running::start(&[]);
    let (ada, grace) =
        (TestUser::register(running.address, "ada").await, TestUser::register(running.address, "grace").await);
    let room = ada.direct(&grace).await;
    let mut established = TcpStream::connect(running.address).await.unwrap();
    request(&mut established).await;
    let mut socket = ada.connect(&room.socket).await;

    let open = fs::read_dir(format!("/proc/{}/fd", running.child.id())).unwrap().count() as u64;
    let few = Rlimit { current: Some(open + 10), maximum: Some(open + 10) };
    prlimit(Some(Pid::from_child(&running.child)), Resource::Nofile, few).unwrap();
    // The kernel accepts all of them; the server cannot.
    let mut idle = Vec::new();
    for _ in 0..30 {
        idle.push(TcpStream::connect(running.address).await.unwrap());
    }
    let mut log = running.log.by_ref().lines().map(Result::unwrap);
    block_in_place(|| log.find(|line| line.contains(WARNING))).expect("it says so");

    let before = ticks(&running.child);
    for _ in 0..20 {
        request(&mut established).await;
        socket.send(&json!({"type": "message.send", "content": "still here"})).await;
        assert_eq!(socket.next_content().await, "still here");
        sleep(Duration::from_millis(100)).await;
    }
    let spent = ticks(&running.child) - before;
    assert!(spent < 60, "it does not spin: {spent} ticks in some 200");

    drop(idle);
    request(&mut TcpStream::connect(running.address).await.unwrap()).await;
    ada.send(&room, "back to normal").await;
    drop((established, socket));
    running.signal(Signal::TERM);
    assert!(running.child.wait().unwrap().success());
    let again = running.log.by_ref().lines().map(Result::unwrap).filter(|line| line.contains(WARNING)).count();
    assert_eq!(again, 0, "it says so once");
}

/// Sends a request on a connection that stays open.
async fn request(socket: &mut TcpStream) {
    socket.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut got = Vec::new();
    while !got.ends_with(b"}") {
        let count = timeout(TEST_TIMEOUT, socket.read_buf(&mut got)).await.expect("an answer").unwrap();
        assert!(count > 0, "{got:?}");
    }
    assert!(got.starts_with(b"HTTP/1.1 200 "), "{got:?}");
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let first = Running::start(&[]);
    let (ada, grace) =
        (TestUser::register(first.address, "ada").await, TestUser::register(first.address, "grace").await);
    let room = ada.direct(&grace).await;
    let message = ada.send(&room, "keep this").await;
    let data = first.ended_by(Signal::KILL);
    let second = Running::start(&["--data", data.path().to_str().unwrap()]);
    let ada = TestUser { address: second.address, ..ada };
    assert_eq!(
        ada.get(&room.messages).await.expect(200).json()["items"],
        json!([message]),
        "and the token is still good"
    );
}

#[tokio::test]
async fn two_processes_on_one_database_keep_one_truth() {
    let url = database().await;
    let secret = "one secret for all the nodes there are";
    let arguments = ["--database-url", url.as_str(), "--jwt-secret", secret];
    let (one, other) = (Running::start(&arguments), Running::start(&arguments));
    let (ada, grace) = (TestUser::register(one.address, "ada").await, TestUser::register(one.address, "grace").await);
    let room = ada.direct(&grace).await;
    let there = TestUser { address: other.address, ..ada.clone() };
    for number in 1..=20 {
        let body = json!({"id": Uuid::now_v7(), "content": number.to_string()});
        let (here, there) = tokio::join!(ada.post(&room.messages, &body), there.post(&room.messages, &body));
        let mut statuses = [here.status, there.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 201], "one of them is the first");
        assert_eq!((&here.json()["seq"], &there.json()["seq"]), (&json!(number), &json!(number)));
    }
}

#[tokio::test]
async fn the_memory_of_passwords_goes_back() {
    // The memory that Argon2id needs for one password.
    const HASH_BYTES: usize = 19 * 1024 * 1024;
    let mut node = Node::on(StoreKind::Sqlite).await;
    node.start().await;
    let node = &node;
    join_all((0..16).map(async |number| node.register(&format!("person{number}")).await)).await;
    let is_back = |Memory { now, peak }| peak - now >= HASH_BYTES;
    let returned = async {
        while !is_back(node.memory()) {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(TEST_TIMEOUT, returned).await.unwrap_or_else(|_| panic!("{:?}", node.memory()));
}

#[test]
fn help_explains_everything() {
    let help = String::from_utf8(chinwag(&["--help"]).output().unwrap().stdout).unwrap();
    for variable in [
        "CHINWAG_LISTEN",
        "CHINWAG_DATA",
        "DATABASE_URL",
        "DATABASE_URL_FILE",
        "NATS_URL",
        "NATS_URL_FILE",
        "NATS_CREDENTIALS_FILE",
        "CHINWAG_NATS_CA_FILE",
        "CHINWAG_NATS_CERT_FILE",
        "CHINWAG_NATS_KEY_FILE",
        "CHINWAG_JWT_SECRET",
        "CHINWAG_JWT_SECRET_FILE",
        "CHINWAG_ALLOWED_ORIGINS",
        "CHINWAG_TRUSTED_PROXIES",
        "CHINWAG_ACCESS_TOKEN_TTL",
        "CHINWAG_REFRESH_TOKEN_TTL",
        "CHINWAG_RATE_LIMITS",
        "CHINWAG_DRAIN_SECONDS",
        "CHINWAG_LOG_FORMAT",
        "RUST_LOG",
    ] {
        assert!(help.contains(&format!("[env: {variable}")), "{variable}: {help}");
    }
    for default in
        ["[default: 127.0.0.1:8080]", "[default: ./data]", "[default: 15m]", "[default: 30d]", "[default: 10]"]
    {
        assert!(help.contains(default), "{default}");
    }
}

#[test]
fn bad_configuration_is_refused_in_words_that_name_the_variable() {
    for (variable, value) in [
        ("CHINWAG_LISTEN", "nowhere"),
        ("DATABASE_URL", "mysql://localhost/x"),
        ("DATABASE_URL_FILE", "/nonexistent/url"),
        ("DATABASE_URL_FILE", "/dev/null"),
        ("NATS_URL", "http://localhost"),
        ("NATS_URL", "nats://localhost:no-port"),
        ("NATS_URL", "nats://localhost"),
        ("NATS_URL_FILE", "/nonexistent/url"),
        ("NATS_CREDENTIALS_FILE", "/nonexistent/credentials"),
        ("CHINWAG_NATS_KEY_FILE", "/nonexistent/key"),
        ("CHINWAG_JWT_SECRET", "short"),
        ("CHINWAG_JWT_SECRET_FILE", "/nonexistent/secret"),
        ("CHINWAG_ALLOWED_ORIGINS", "example.org"),
        ("CHINWAG_ALLOWED_ORIGINS", "https://*.example.org"),
        ("CHINWAG_TRUSTED_PROXIES", "everybody"),
        ("CHINWAG_ACCESS_TOKEN_TTL", "soon"),
        ("CHINWAG_RATE_LIMITS", "perhaps"),
        ("CHINWAG_DRAIN_SECONDS", "long"),
        ("CHINWAG_LOG_FORMAT", "xml"),
        ("CHINWAG_DATA", "/dev/null/data"),
        ("RUST_LOG", "chinwag=loudly"),
        ("RUST_LOG", "warnings"),
        ("RUST_LOG", "99"),
        ("DATABASE_URL", "postgres://127.0.0.1:1/nothing?sslmode=disable"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().to_str().unwrap();
        // A flag overrides the environment, so the flag of the tested variable must be absent.
        let flags = [("CHINWAG_DATA", "--data", data), ("CHINWAG_LISTEN", "--listen", "127.0.0.1:0")];
        let flags: Vec<&str> =
            flags.iter().filter(|flag| flag.0 != variable).flat_map(|flag| [flag.1, flag.2]).collect();
        let error = refused(&flags, &[(variable, value)]);
        assert!(error.starts_with("chinwag: ") && error.contains(variable), "{variable}={value}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}
