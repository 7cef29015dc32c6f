//! `chinwag backup` and `chinwag restore`, and the chapter on them in docs/operations.md, whose commands work as printed.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Output;

use rusqlite::{Connection, OpenFlags};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::timeout;

use crate::support::client::{Conversation, TestUser};
use crate::support::node::Node;
use crate::support::postgres;
use crate::support::server::StoreKind;
use crate::support::socket::TEST_TIMEOUT;

const CHAPTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md");
/// The database that the chapter creates in PostgreSQL.
const RESTORED: &str = "chinwag_restored";

/// A stopped or running server, and a folder to type commands in, whose `data` is the server's.
struct Fixture {
    node: Node,
    folder: TempDir,
}

impl Fixture {
    async fn on(store: StoreKind) -> Self {
        let (mut node, folder) = (Node::on(store).await, tempfile::tempdir().unwrap());
        symlink(node.data(), folder.path().join("data")).unwrap();
        node.start().await;
        Self { node, folder }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a line of shell in the folder.
    async fn shell(&self, script: &str, environment: &[(&str, &str)]) -> Output {
        let programs = [Path::new(env!("CARGO_BIN_EXE_chinwag")).to_owned()];
        let programs = programs.into_iter().chain(postgres::bin("pg_restore"));
        let programs = programs.map(|program| program.parent().unwrap().display().to_string());
        let path = programs.chain([std::env::var("PATH").unwrap()]).collect::<Vec<_>>().join(":");
        let mut shell = Command::new("bash");
        shell.args(["-eu", "-o", "pipefail", "-c", script]).env_clear().env("PATH", path).kill_on_drop(true);
        shell.envs(environment.iter().copied()).current_dir(self.folder.path());
        timeout(TEST_TIMEOUT, shell.output()).await.expect("a script that ends").unwrap()
    }

    /// Runs a script that must succeed without an error message, and returns what it prints.
    async fn run(&self, script: &str, environment: &[(&str, &str)]) -> String {
        let Output { status, stdout, stderr } = self.shell(script, environment).await;
        let (printed, errors) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
        assert!(status.success() && errors.is_empty(), "{script}\n{printed}\n{errors}");
        printed
    }

    /// Runs a command that must be refused in one line, and returns the line.
    async fn refused(&self, script: &str, environment: &[(&str, &str)]) -> String {
        let Output { status, stdout, stderr } = self.shell(script, environment).await;
        let error = String::from_utf8(stderr).unwrap();
        assert!(!status.success() && stdout.is_empty() && error.lines().count() == 1, "{script}: {error}");
        error
    }

    async fn stop(&mut self) {
        self.node.signal(Signal::TERM);
        assert!(self.node.ended().await.success());
    }
}

/// Returns the chapter's scripts: to save and to restore, on SQLite and on PostgreSQL.
fn scripts() -> [String; 4] {
    let text = fs::read_to_string(CHAPTER).unwrap();
    let (_, rest) = text.split_once("\n## Backup, restore, upgrade, downgrade\n").expect("the chapter");
    let chapter = rest.split("\n## ").next().unwrap();
    let blocks = chapter.split("\n```sh\n").skip(1);
    let scripts: Vec<_> = blocks.map(|block| block.split_once("\n```").expect("an end").0.to_owned()).collect();
    scripts.try_into().expect("four scripts")
}

/// Sends messages with these numbers as texts.
async fn send(ada: &TestUser, room: &Conversation, numbers: std::ops::RangeInclusive<usize>) {
    for number in numbers {
        ada.send(room, &number.to_string()).await;
    }
}

/// Returns the texts of a conversation, which must be numbered without a gap.
async fn texts(ada: &TestUser, room: &Conversation) -> Vec<String> {
    let history = ada.get(&format!("{}?limit=200", room.messages)).await.expect(200).json();
    let items = history["items"].as_array().unwrap().clone();
    let numbers: Vec<_> = items.iter().map(|item| usize::try_from(item["seq"].as_u64().unwrap()).unwrap()).collect();
    assert_eq!(numbers, (1..=items.len()).collect::<Vec<_>>());
    items.iter().map(|item: &Value| item["content"].as_str().unwrap().to_owned()).collect()
}

fn numbers(last: usize) -> Vec<String> {
    (1..=last).map(|number| number.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_chapter_works_on_sqlite() {
    let mut fixture = Fixture::on(StoreKind::Sqlite).await;
    let [save, restore, _, _] = scripts();
    let ada = fixture.node.register("ada").await;
    let room = ada.group("Lunch", &[]).await;
    send(&ada, &room, 1..=20).await;
    fixture.run(&save, &[]).await;
    send(&ada, &room, 21..=40).await;
    // The messages sent since are in the log alone, which a killed server leaves behind.
    fixture.node.kill().await;
    assert!(fixture.path("data/chinwag.db-wal").metadata().unwrap().len() > 0);
    fs::remove_file(fixture.path("data/jwt-secret")).unwrap();
    let printed = fixture.run(&restore, &[]).await;

    fixture.node.start().await;
    assert_eq!(texts(&ada, &room).await, numbers(20), "what was saved, and the token is still good");
    send(&ada, &room, 21..=21).await;
    assert_eq!(texts(&ada, &room).await, numbers(21));
    let (_, kept) = printed.split_once("The database before is kept as ").unwrap();
    let kept = kept.trim().trim_end_matches('.');
    assert!(!Path::new(&format!("{kept}-wal")).exists(), "it is one file");
    let kept = Connection::open(kept).unwrap();
    let count: i64 = kept.query_row("SELECT count(*) FROM messages", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 40, "nothing is lost by a restore");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_chapter_works_on_postgres() {
    let mut fixture = Fixture::on(StoreKind::Postgres).await;
    let url = fixture.node.arguments.iter().find(|argument| argument.starts_with("postgres://")).unwrap().clone();
    let [_, _, save, restore] = scripts();
    // The tests share one server, which may have a database of this name.
    let name = format!("{}_restored", url.rsplit_once('/').unwrap().1);
    let (restored, restore) =
        (url.rsplit_once('/').unwrap().0.to_owned() + "/" + &name, restore.replace(RESTORED, &name));
    let ada = fixture.node.register("ada").await;
    let room = ada.group("Lunch", &[]).await;
    send(&ada, &room, 1..=20).await;
    fixture.run(&save, &[("DATABASE_URL", &url)]).await;
    send(&ada, &room, 21..=40).await;
    fixture.stop().await;
    fs::remove_file(fixture.path("data/jwt-secret")).unwrap();
    fixture.run(&restore, &[("DATABASE_URL", &url)]).await;

    for argument in &mut fixture.node.arguments {
        *argument = argument.replace(&url, &restored);
    }
    fixture.node.start().await;
    assert_eq!(texts(&ada, &room).await, numbers(20), "what was saved, and the token is still good");
    send(&ada, &room, 21..=21).await;
    assert_eq!(texts(&ada, &room).await, numbers(21));
    for command in ["backup", "restore"] {
        let error = fixture.refused(&format!("chinwag {command} other"), &[("DATABASE_URL", &url)]).await;
        assert!(error.contains(if command == "backup" { "pg_dump" } else { "pg_restore" }), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_during_writes_is_one_moment_and_one_private_file() {
    let mut fixture = Fixture::on(StoreKind::Sqlite).await;
    let ada = fixture.node.register("ada").await;
    let room = ada.group("Lunch", &[]).await;
    send(&ada, &room, 1..=3).await;
    let mut sent = 3;
    // Enough that some backups run beside a commit.
    for round in 0..5 {
        let before = sent;
        let file = format!("{round}.db");
        {
            let script = format!("umask 0; chinwag backup {file}");
            let saving = fixture.run(&script, &[]);
            tokio::pin!(saving);
            loop {
                sent += 1;
                send(&ada, &room, sent..=sent).await;
                if futures_util::poll!(&mut saving).is_ready() {
                    break;
                }
            }
        }
        let path = fixture.path(&file);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let saved = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let check: String = saved.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        let (count, last): (u32, u32) = saved
            .query_row("SELECT count(*), max(seq) FROM messages", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!((check.as_str(), count), ("ok", last));
        let count = usize::try_from(count).unwrap();
        assert!((before..=sent).contains(&count), "{before} were sent before, {sent} until the end: {count} are saved");
    }
    let error = fixture.refused("chinwag backup 0.db", &[]).await;
    assert!(error.contains("0.db: it exists"), "{error}");
    let error = fixture.refused("chinwag backup nowhere/0.db", &[]).await;
    assert!(error.contains("nowhere/0.db"), "{error}");
    let error = fixture.refused("CHINWAG_DATA=nowhere chinwag backup 9.db", &[]).await;
    assert!(error.contains("nowhere/chinwag.db"), "a command creates no database: {error}");
    let error = fixture.refused("chinwag backup", &[]).await;
    assert!(error.contains("<FILE>"), "{error}");
    let mut names: Vec<_> =
        fs::read_dir(fixture.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["0.db", "1.db", "2.db", "3.db", "4.db", "data"], "and nothing else is left behind");
    assert_eq!(texts(&ada, &room).await, numbers(sent));
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_that_is_refused_changes_nothing() {
    let mut fixture = Fixture::on(StoreKind::Sqlite).await;
    let ada = fixture.node.register("ada").await;
    let room = ada.group("Lunch", &[]).await;
    send(&ada, &room, 1..=20).await;
    fixture.run("chinwag backup good.db", &[]).await;
    let error = fixture.refused("chinwag restore good.db", &[]).await;
    assert!(error.contains("another server uses the database"), "{error}");
    send(&ada, &room, 21..=21).await;
    fixture.stop().await;

    fs::copy(fixture.path("good.db"), fixture.path("newer.db")).unwrap();
    let execute = |name: &str, sql: &str| Connection::open(fixture.path(name)).unwrap().execute_batch(sql).unwrap();
    execute("newer.db", "INSERT INTO schema_versions (version, needs) VALUES (9999, 9999)");
    execute("foreign.db", "CREATE TABLE users (name)");
    let whole = fs::read(fixture.path("good.db")).unwrap();
    fs::write(fixture.path("short.db"), &whole[..whole.len() / 2]).unwrap();
    fs::write(fixture.path("text.db"), "a text".repeat(1_000)).unwrap();
    fs::write(fixture.path("empty.db"), "").unwrap();
    let before = fs::read(fixture.path("data/chinwag.db")).unwrap();
    for (file, reason) in [
        ("newer.db", "schema version 9999"),
        ("foreign.db", "another program"),
        ("short.db", "short.db"),
        ("text.db", "not a database"),
        ("empty.db", "no tables"),
        ("missing.db", "missing.db"),
        ("data/chinwag.db", "the database itself"),
    ] {
        let error = fixture.refused(&format!("chinwag restore {file}"), &[]).await;
        assert!(error.contains(file) && error.contains(reason), "{file}: {error}");
    }
    assert_eq!(fs::read(fixture.path("data/chinwag.db")).unwrap(), before);
    let mut names: Vec<_> =
        fs::read_dir(fixture.node.data()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["chinwag.db", "chinwag.db-lock", "jwt-secret"]);
    fixture.node.start().await;
    assert_eq!(texts(&ada, &room).await, numbers(21));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_takes_a_copy_with_its_log_and_replaces_any_database() {
    let mut fixture = Fixture::on(StoreKind::Sqlite).await;
    let ada = fixture.node.register("ada").await;
    let room = ada.group("Lunch", &[]).await;
    send(&ada, &room, 1..=20).await;
    fixture.node.kill().await;
    // Somebody copied the files of a server that did not run.
    for suffix in ["", "-wal"] {
        fs::copy(fixture.path(&format!("data/chinwag.db{suffix}")), fixture.path(&format!("copy.db{suffix}"))).unwrap();
    }
    for suffix in ["", "-wal"] {
        fs::write(fixture.path(&format!("data/chinwag.db{suffix}")), "damaged ".repeat(1_000)).unwrap();
    }
    let printed = fixture.run("chinwag restore copy.db", &[]).await;
    fixture.node.start().await;
    assert_eq!(texts(&ada, &room).await, numbers(20));
    let (_, kept) = printed.split_once("The database before is kept as ").unwrap();
    let kept = kept.trim().trim_end_matches('.');
    for suffix in ["", "-wal"] {
        assert_eq!(fs::read_to_string(format!("{kept}{suffix}")).unwrap(), "damaged ".repeat(1_000));
    }
    send(&ada, &room, 21..=40).await;
    fixture.node.kill().await;
    // Somebody looks into the database, so its log cannot be emptied.
    let reader = Connection::open(fixture.path("data/chinwag.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM messages").unwrap();
    fixture.run("chinwag restore copy.db", &[]).await;
    drop(reader);
    fixture.node.start().await;
    assert_eq!(texts(&ada, &room).await, numbers(20));
}
