//! A real PostgreSQL for the tests: found or started, shared by all tests of a run, and stopped soon after the last.
//!
//! `cargo test` runs all tests in one process, `cargo nextest` each in its own; both may be killed at any moment. So no
//! test stops the server. Each process that uses it holds a shared `flock` on the file `users` until it ends, however it ends, and a
//! small shell script, the server's parent, waits until no process holds it. The script then takes the lock `starting`, under which
//! servers are found or started, checks `users` once more, stops the server and releases the lock. Then it removes the server's folder, which
//! takes minutes: a file takes milliseconds, and each test's database has hundreds. A folder whose server does not answer is left over from a
//! machine that crashed, and is removed in the background too.
//!
//! Tests that stop or pause the server start one of their own: `postgres_cluster::Cluster`.

use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::iter::repeat_with;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use std::{env, process, thread};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::process::{Pid, geteuid, test_kill_process};
use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use super::reserved_port::ReservedPort;

/// All that makes the schema.
const SCHEMA: [&str; 2] = [include_str!("../../../schema.sql"), include_str!("../../../src/store/migrations.rs")];
/// The tests' user in the database; there is no password.
pub(super) const USER: &str = "chinwag";
/// How long a server may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// `$1` is the shared folder, `$2` the port and the server's folder in it. An unused server is kept for 5 s, because
/// nextest may run no test for a moment.
const SHARED: &str = r#"
cd "$1" || exit
postgres -D "$2/data" -p "$2" >"$2/log" 2>&1 & server=$!
while flock users true && sleep 5 && kill -0 $server; do
    exec 9>starting && flock 9
    flock -n users true && rm -f port && break
    exec 9>&-
done
kill -QUIT $server; wait $server; exec 9>&-
rm -rf "$2"
"#;

/// Settings of the shared server, which no test stops. Each test has a database of hundreds of files, and a checkpoint that syncs those of a few
/// hundred tests takes six minutes, in which commits wait for longer than the server's clients do. No test needs what a failure of power leaves.
const NOT_SYNCED: &str = "fsync = off\nfull_page_writes = off\n";

/// The port of the shared server, which is found or started once a process. A test may wait for another test that starts it.
static PORT: OnceLock<u16> = OnceLock::new();
/// The lock that keeps the shared server running, for as long as the process lives.
static USERS: OnceLock<File> = OnceLock::new();

/// Creates an empty database on the shared server, and returns its URL.
pub(crate) async fn database() -> String {
    let port = tokio::task::spawn_blocking(|| *PORT.get_or_init(shared)).await.unwrap();
    fresh(port).await
}

/// Creates a database with the schema of this build on the shared server, and returns its URL. It is a copy, which takes a fraction of the time
/// of all the migrations.
pub(crate) async fn migrated_database() -> String {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    let port = tokio::task::spawn_blocking(|| *PORT.get_or_init(shared)).await.unwrap();
    let template = TEMPLATE.get_or_init(|| migrated_template(port)).await;
    copy_of(template, port).await
}

/// Returns the name of a database with the schema of this build, which the first test of a run makes. Builds of other schemas have others.
async fn migrated_template(port: u16) -> String {
    let mut hasher = DefaultHasher::new();
    SCHEMA.hash(&mut hasher);
    let key = hasher.finish();
    let name = format!("schema_{key:016x}");
    let admin = connect(&format!("postgres://{USER}@127.0.0.1:{port}/postgres")).await;
    // The first test makes the template, and the others wait for the lock, which ends with this connection.
    admin.execute("SELECT pg_advisory_lock($1)", &[&key.cast_signed()]).await.unwrap();
    let is_there = "SELECT 1 FROM pg_database WHERE datname = $1 AND datistemplate";
    if admin.query_opt(is_there, &[&name]).await.unwrap().is_none() {
        admin.batch_execute(&format!("DROP DATABASE IF EXISTS {name}")).await.unwrap();
        admin.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")).await.unwrap();
        drop(chinwag::store::open(&format!("postgres://{USER}@127.0.0.1:{port}/{name}")).await.unwrap());
        admin.batch_execute(&format!("ALTER DATABASE {name} IS_TEMPLATE true")).await.unwrap();
    }
    name
}

/// Returns the path of a PostgreSQL program, wherever the system keeps it.
pub(crate) fn bin(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    if let Ok(versions) = fs::read_dir("/usr/lib/postgresql") {
        let mut versions: Vec<PathBuf> = versions.flatten().map(|entry| entry.path().join("bin")).collect();
        versions.sort();
        folders.extend(versions.into_iter().rev());
    }
    folders.into_iter().map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// Finds or starts the shared server; returns its port.
fn shared() -> u16 {
    let folder = shared_folder();
    fs::create_dir_all(&folder).unwrap();
    own(&folder);
    let starting = open(&folder.join("starting"));
    flock(&starting, FlockOperation::LockExclusive).unwrap();

    let users = open(&folder.join("users"));
    flock(&users, FlockOperation::LockShared).unwrap();
    USERS.set(users).unwrap();

    let noted = fs::read_to_string(folder.join("port")).ok().and_then(|text| text.parse().ok());
    if let Some(port) = noted.filter(|port| answers_in_time(*port, &folder.join(port.to_string()))) {
        return port;
    }
    let left_over = fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.path()).filter(|path| path.is_dir());
    let mut removing = command(Path::new("rm"), &folder);
    removing.arg("-rf").args(left_over).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Neither is waited for: they outlive this process.
    drop(removing.process_group(0).spawn().unwrap());
    let port = repeat_with(ReservedPort::new).find(|port| !folder.join(port.number.to_string()).exists()).unwrap();
    let home = folder.join(port.number.to_string());
    fs::create_dir(&home).unwrap();
    own(&home);
    init(&home, NOT_SYNCED);
    drop(spawn(SHARED, &folder, port.number, Stdio::null()));
    wait_until_it_answers(port.number, &home);
    fs::write(folder.join("port"), port.number.to_string()).unwrap();
    port.number
}

/// Returns true if the server in this folder answers. A busy machine may keep a server that runs from answering for a while, and other tests use
/// it.
fn answers_in_time(port: u16, home: &Path) -> bool {
    let started = Instant::now();
    while !answers(port) {
        let noted = fs::read_to_string(home.join("data/postmaster.pid")).unwrap_or_default();
        let postmaster = noted.lines().next().and_then(|pid| Pid::from_raw(pid.parse().ok()?));
        let runs = postmaster.is_some_and(|pid| test_kill_process(pid) != Err(Errno::SRCH));
        if !runs || started.elapsed() > START_TIMEOUT {
            return false;
        }
    }
    true
}

/// Returns a folder below the target folder. If the tests run as root, PostgreSQL runs as another user, which may have no access to the
/// target folder. Then the folder is in the system's temporary folder, named after the target folder.
fn shared_folder() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    if unprivileged().is_none() {
        return target.join("postgres");
    }
    env::temp_dir().join(format!("chinwag-postgres-{}", target.to_string_lossy().replace(['/', ' '], "-")))
}

/// Returns the user and group of the server's processes if the tests run as root, because PostgreSQL refuses to run as root.
fn unprivileged() -> Option<(u32, u32)> {
    if !geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let ids = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut ids = line.split(':').skip(2).map(str::parse);
        Some((ids.next()?.ok()?, ids.next()?.ok()?))
    };
    Some(ids("postgres").or_else(|| ids("nobody")).expect("tests that run as root need a user postgres or nobody"))
}

pub(super) fn own(path: &Path) {
    if let Some((user, group)) = unprivileged() {
        chown(path, Some(user), Some(group)).unwrap();
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn open(path: &Path) -> File {
    let file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    if let Some((user, group)) = unprivileged() {
        chown(path, Some(user), Some(group)).unwrap();
    }
    file
}

/// Returns a command that runs as the unprivileged user, with PostgreSQL's programs in its path.
pub(super) fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    let path = env::var("PATH").unwrap_or_default();
    let programs = need("postgres").parent().map(Path::to_path_buf).unwrap_or_default();
    command.env("PATH", format!("{path}:{}", programs.display())).current_dir(folder);
    if let Some((user, group)) = unprivileged() {
        command.uid(user).gid(group);
    }
    command
}

pub(super) fn init(folder: &Path, further_settings: &str) {
    let output = command(&need("initdb"), folder)
        .args(["--encoding=UTF8", "--locale=C", "--auth=trust", "--no-sync", "--username", USER, "--pgdata=data"])
        .output()
        .unwrap();
    assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
    // Small, and else as by default.
    let settings = "shared_buffers = 64MB\nmax_connections = 300\nlisten_addresses = '127.0.0.1'\n\
        unix_socket_directories = ''\n";
    let path = folder.join("data/postgresql.conf");
    let defaults = fs::read_to_string(&path).unwrap();
    fs::write(path, defaults + settings + further_settings).unwrap();
}

/// Starts the server's parent, which starts the server, in a process group of their own, so that Ctrl-C in the terminal does not reach
/// them.
pub(super) fn spawn(script: &str, folder: &Path, port: u16, input: Stdio) -> Child {
    command(Path::new("/bin/sh"), folder)
        .args(["-c", script, "sh"])
        .arg(folder)
        .arg(port.to_string())
        .process_group(0)
        .stdin(input)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

pub(super) fn wait_until_it_answers(port: u16, folder: &Path) {
    let started = Instant::now();
    while !answers(port) {
        if started.elapsed() > START_TIMEOUT {
            let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
            panic!("PostgreSQL did not start in {START_TIMEOUT:?}:\n{log}");
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn answers(port: u16) -> bool {
    Command::new(need("pg_isready"))
        .args(["-q", "-h", "127.0.0.1", "-t", "3", "-p", &port.to_string()])
        .status()
        .is_ok_and(|status| status.success())
}

pub(super) fn need(name: &str) -> PathBuf {
    bin(name).unwrap_or_else(|| {
        panic!("the tests need PostgreSQL's {name}: `make test` installs it, or apt-get install postgresql")
    })
}

pub(super) async fn fresh(port: u16) -> String {
    copy_of("template0", port).await
}

async fn copy_of(template: &str, port: u16) -> String {
    let name = format!("test_{}_{}", process::id(), Uuid::now_v7().simple());
    let client = connect(&format!("postgres://{USER}@127.0.0.1:{port}/postgres")).await;
    client.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8'")).await.unwrap();
    format!("postgres://{USER}@127.0.0.1:{port}/{name}")
}

/// Opens a plain client, for statements that a test runs besides the store.
pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
