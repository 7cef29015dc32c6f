//! The story of the fixtures, with every kind of row, and the tests that write them.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::{SECRET, name};
use crate::migration::answers::answers;
use crate::support::client::{PASSWORD, TestUser, post};
use crate::support::node::Node;
use crate::support::postgres::{bin, connect};
use crate::support::server::StoreKind;
use crate::support::socket::{Socket, TEST_TIMEOUT};

/// The users of the story, and their passwords at its end.
pub(super) const PEOPLE: [(&str, &str); 5] =
    [("Ada.L", PASSWORD), ("grace", PASSWORD), ("joan", "a new password"), ("lin", PASSWORD), ("mary", PASSWORD)];

/// The group with most of the events, by its last name.
pub(super) const GROUP: &str = "Supper “at eight” 🍲";

/// Logs in with the password of [`PEOPLE`].
pub(super) async fn login(address: SocketAddr, username: &str) -> TestUser {
    let (_, password) = PEOPLE.into_iter().find(|(name, _)| *name == username).unwrap();
    TestUser::login_with(address, username, password).await
}

/// Runs the story against a server. Returns the tokens and tickets that are left over.
async fn play(address: SocketAddr) -> Value {
    for (username, name) in [
        ("Ada.L", "Ada Łovelace"),
        ("grace", "Grace “Amazing” Hopper"),
        ("joan", "joan"),
        ("lin", "林"),
        ("mary", "Märy ✨"),
    ] {
        let body = json!({"username": username, "name": name, "password": PASSWORD});
        post(address, "/v1/users/register", &body).await.expect(201);
    }
    let [ada, grace, mary, lin] = ["Ada.L", "grace", "mary", "lin"].map(|username| login(address, username));
    let (ada, grace, mary, lin) = (ada.await, grace.await, mary.await, lin.await);
    let joan = TestUser::login(address, "joan").await;
    joan.patch("/v1/users/me", &json!({"name": "Joan"})).await.expect(200);

    group(&ada, &grace, &joan, &mary).await;
    others(&ada, &grace, &joan, &lin).await;

    let tickets = [ada.post("/v1/tickets", &json!({})).await, ada.post("/v1/tickets", &json!({})).await];
    let [ticket, used_ticket] = tickets.map(|answer| answer.expect(201).json()["ticket"].take());
    let used = format!("/ws?ticket={}", used_ticket.as_str().unwrap());
    come_and_go(&used, &ada, &grace, &mary).await;

    let rotated = post(address, "/v1/users/refresh", &json!({"refresh_token": mary.refresh_token})).await;
    let logged_out = login(address, "grace").await;
    logged_out.post("/v1/users/logout", &json!({})).await.expect(204);
    let password_changed = TestUser::login(address, "joan").await;
    let change = json!({"current_password": PASSWORD, "password": "a new password"});
    joan.patch("/v1/users/me", &change).await.expect(200);
    json!({
        "live": ada.refresh_token,
        "rotated": rotated.expect(200).json()["refresh_token"],
        "logged_out": logged_out.refresh_token,
        "password_changed": password_changed.refresh_token,
        "ticket": ticket,
        "used_ticket": used_ticket,
    })
}

/// Connects three users, one of them with a ticket, and disconnects them. Waits until the server has noted it.
async fn come_and_go(ticket: &str, ada: &TestUser, grace: &TestUser, mary: &TestUser) {
    let mut marys = mary.connect("/ws").await;
    let sockets = [Socket::open(ada.address, ticket, &[]).await.unwrap(), grace.connect("/ws").await];
    let mut online = HashSet::new();
    while online.len() < sockets.len() {
        let diff = marys.next_of(&["presence.diff"]).await;
        online.extend(diff["online"].as_array().unwrap().iter().map(Value::to_string));
    }
    drop((marys, sockets));
    let noted = async {
        for user in [ada, grace, mary] {
            while user.get("/v1/users/me").await.json()["last_seen_at"].is_null() {
                sleep(Duration::from_millis(20)).await;
            }
        }
    };
    timeout(TEST_TIMEOUT, noted).await.expect("they were seen");
}

/// Creates a group with every kind of event.
async fn group(ada: &TestUser, grace: &TestUser, joan: &TestUser, mary: &TestUser) {
    let room = ada.group("Lunch", &[grace]).await;
    let member = |user: &TestUser| format!("{}/{}", room.members, user.id);
    let message = |id: &Value| format!("{}/{}", room.messages, id.as_str().unwrap());
    let edit = async |user: &TestUser, id: &Value, text: &str| {
        user.patch(&message(id), &json!({"content": text})).await.expect(200);
    };
    // An id of version 4, as clients without a clock choose.
    let first = json!({"id": "3f1c5b0e-8d2a-4c57-9b1e-6a7d20c4f9e1", "content": "hello"});
    let hello = ada.post(&room.messages, &first).await.expect(201).json()["id"].take();
    ada.post(&room.members, &json!({"user_id": joan.id, "role": "admin"})).await.expect(201);
    ada.post(&room.members, &json!({"user_id": mary.id})).await.expect(201);
    let answer = json!({"content": "hello yourself", "reply_to": hello});
    let answer = grace.post(&room.messages, &answer).await.expect(201).json()["id"].take();
    joan.send(&room, "quotes \" and ' and \\, a tab\t, two\nlines;\n-- and {\"json\": 1}, 👩🏽‍🚀 é").await;
    edit(ada, &hello, "hello, all").await;
    edit(ada, &hello, "hello, everyone").await;
    grace.delete(&message(&answer)).await.expect(204);
    let answer = json!({"content": "an answer to what is deleted", "reply_to": answer});
    let marys = mary.post(&room.messages, &answer).await.expect(201).json()["id"].take();
    joan.delete(&message(&marys)).await.expect(204);
    ada.patch(&member(grace), &json!({"role": "admin"})).await.expect(200);
    grace.patch(&room.path, &json!({"name": GROUP})).await.expect(200);
    let brief = ada.send(&room, "soon changed").await["id"].take();
    edit(ada, &brief, "and soon gone").await;
    ada.delete(&message(&brief)).await.expect(204);
    ada.delete(&member(joan)).await.expect(204);
    mary.delete(&member(mary)).await.expect(204);
    ada.patch(&member(grace), &json!({"role": "owner"})).await.expect(200);
    grace.post(&room.members, &json!({"user_id": mary.id})).await.expect(201);
    let last = grace.send(&room, "welcome back").await["id"].take();
    grace.send(&room, &"a long one ".repeat(100)).await;
    edit(grace, &last, "welcome back, Mary").await;
    mary.send(&room, "thank you").await;
    assert_eq!(ada.post(&room.messages, &first).await.expect(200).json()["content"], "hello, everyone");
}

/// Creates conversations of other kinds: direct, empty, alone, and deleted.
async fn others(ada: &TestUser, grace: &TestUser, joan: &TestUser, lin: &TestUser) {
    let direct = ada.direct(grace).await;
    let id = ada.send(&direct, "between us").await["id"].take();
    grace.send(&direct, "of course").await;
    let path = format!("{}/{}", direct.messages, id.as_str().unwrap());
    ada.patch(&path, &json!({"content": "between the two of us"})).await.expect(200);
    ada.direct(lin).await;
    let nameless = json!({"type": "group", "member_ids": []});
    let alone = joan.post("/v1/conversations", &nameless).await.expect(201).json();
    joan.send(&(&alone).into(), "a note to myself").await;
    let gone = grace.group("Gone", &[ada, lin]).await;
    ada.send(&gone, "nobody reads this again").await;
    grace.delete(&gone.path).await.expect(204);
}

/// Sessions and tickets of the fixtures do not expire before this.
const FAR: &str = "2999-01-01T00:00:00Z";
const FAR_MICROSECONDS: i64 = 32_472_144_000_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "writes the fixtures of the present schema"]
async fn is_written_down() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fixtures");
    fs::create_dir_all(&folder).unwrap();
    let mut golden = Vec::new();
    for store in [StoreKind::Sqlite, StoreKind::Postgres] {
        let mut node = Node::on(store).await;
        node.arguments.extend(["--jwt-secret", SECRET].map(str::to_owned));
        node.start().await;
        let given = play(node.address).await;
        node.signal(Signal::TERM);
        assert!(node.ended().await.success());
        let version = match store {
            StoreKind::Sqlite => keep_sqlite(&node.data().join("chinwag.db"), &folder),
            StoreKind::Postgres => keep_postgres(database_url(&node), &folder).await,
        };
        node.start().await;
        golden.push((version, lines(name(store), &given, &answers(node.address).await)));
    }
    let version = golden[0].0;
    assert_eq!(version, golden[1].0);
    let golden: Vec<String> = golden.into_iter().map(|(_, lines)| lines).collect();
    let golden = format!("{{\n{}\n}}\n", golden.join(",\n"));
    serde_json::from_str::<Value>(&golden).unwrap();
    fs::write(folder.join(format!("schema-{version}.json")), golden).unwrap();
}

fn database_url(node: &Node) -> &str {
    let flag = node.arguments.iter().position(|argument| argument == "--database-url").unwrap();
    &node.arguments[flag + 1]
}

/// Returns a store's part of the golden file, with one response on each line.
fn lines(store: &str, given: &Value, answers: &BTreeMap<String, Value>) -> String {
    let mut lines = format!("\"{store}\": {{\n\"given\": {given},\n\"answers\": {{\n");
    let answers: Vec<_> = answers.iter().map(|(question, answer)| format!("{}: {answer}", json!(question))).collect();
    write!(lines, "{}\n}}\n}}", answers.join(",\n")).unwrap();
    lines
}

/// Writes a copy of a database that no process has open, in one small file. Returns the schema's version.
fn keep_sqlite(file: &Path, folder: &Path) -> i64 {
    let database = rusqlite::Connection::open(file).unwrap();
    let last = format!(
        "UPDATE sessions SET expires_at = {FAR_MICROSECONDS};
         UPDATE tickets SET expires_at = {FAR_MICROSECONDS}, token_expires_at = {FAR_MICROSECONDS};
         PRAGMA journal_mode = DELETE; VACUUM;"
    );
    database.execute_batch(&last).unwrap();
    let version = database.query_row("SELECT max(version) FROM schema_versions", [], |row| row.get(0)).unwrap();
    drop(database);
    fs::copy(file, folder.join(format!("schema-{version}.db"))).unwrap();
    version
}

/// Writes a dump that every version of PostgreSQL reads through every client. Returns the schema's version.
async fn keep_postgres(url: &str, folder: &Path) -> i64 {
    let database = connect(url).await;
    let last = format!(
        "UPDATE sessions SET expires_at = '{FAR}';
         UPDATE tickets SET expires_at = '{FAR}', token_expires_at = '{FAR}'"
    );
    database.batch_execute(&last).await.unwrap();
    let version = database.query_one("SELECT max(version) FROM schema_versions", &[]).await.unwrap().get(0);
    let mut dump = Command::new(bin("pg_dump").unwrap());
    let dump = dump.args(["--inserts", "--no-owner", "--no-privileges", "--dbname", url]).output().unwrap();
    assert!(dump.status.success(), "{dump:?}");
    let dump = String::from_utf8(dump.stdout).unwrap();
    // The lines before the first table, and those that begin with a backslash, are for one client.
    let (_, tables) = dump.split_once("CREATE TABLE").unwrap();
    let tables: Vec<&str> = tables.split('\n').filter(|line| !line.starts_with('\\')).collect();
    let dump = format!("CREATE TABLE{}", tables.join("\n"));
    fs::write(folder.join(format!("schema-{version}.sql")), dump).unwrap();
    version
}
