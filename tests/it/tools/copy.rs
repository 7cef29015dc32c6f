//! `chinwag copy` moves a database from SQLite to PostgreSQL, and nobody notices.

use std::collections::BTreeMap;
use std::fs;
use std::process::Stdio;
use std::time::Duration;

use chinwag::store::{self, COPIED_TABLES, ColumnKind, UNCOPIED_TABLES};
use rusqlite::Connection;
use rustix::process::Signal;
use serde_json::json;
use tokio::process::{Child, Command};
use tokio::time::{interval, timeout};
use tokio_postgres::Client;

use super::everything::{Used, fill, url_of, use_everything};
use crate::migration::sessions_wait;
use crate::support::client::{TestUser, post};
use crate::support::lock_holder::LockHolder;
use crate::support::node::{Node, program};
use crate::support::operated::{empty_database, run};
use crate::support::postgres::{connect, database};
use crate::support::server::StoreKind;
use crate::support::socket::TEST_TIMEOUT;

/// Makes the second batch of messages wait for a lock.
const SECOND_BATCH_WAITS: &str = "
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF EXISTS (SELECT 1 FROM messages) THEN PERFORM pg_advisory_xact_lock(42); END IF; RETURN NULL;
    END $$;
    CREATE TRIGGER waits BEFORE INSERT ON messages FOR EACH STATEMENT EXECUTE FUNCTION wait()";

async fn copy(from: &str, to: &str) -> crate::support::operated::Ended {
    run(to, "", &["copy", "--from", from]).await
}

/// Starts a copy without waiting for it.
fn start(from: &str, to: &str) -> Child {
    let mut command = Command::new(program());
    command.args(["copy", "--from", from, "--to", to]).stdin(Stdio::null()).stdout(Stdio::null());
    command.kill_on_drop(true).spawn().unwrap()
}

/// Starts a node on SQLite, uses everything, and stops it.
async fn used() -> (Node, Used, i64) {
    let mut node = Node::on(StoreKind::Sqlite).await;
    node.start().await;
    let used = use_everything(&node).await;
    fill(&used.grace, &used.room, 150).await;
    let room = used.ada.get(&used.room.path).await.expect(200).json();
    let seen = room["last_seq"].as_i64().unwrap();
    for number in 1..=3 {
        used.grace.send(&used.room, &format!("since {number}")).await;
    }
    node.signal(Signal::TERM);
    assert!(node.ended().await.success());
    (node, used, seen)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_copy_goes_on_and_clients_resume_on_the_new_database() {
    let (source, used, seen) = used().await;
    let (from, to) = (url_of(&source), database().await);
    // Creates the tables, as a copy does.
    drop(store::open(&to).await.unwrap());
    let observer = connect(&to).await;
    observer.batch_execute(SECOND_BATCH_WAITS).await.unwrap();
    let holder = LockHolder::new(&to, "SELECT pg_advisory_xact_lock(42)").await;
    let mut copying = start(&from, &to);
    sessions_wait(&observer, 1).await;
    copying.kill().await.unwrap();
    let count = "SELECT count(*) FROM messages";
    let copied: i64 = observer.query_one(count, &[]).await.unwrap().get(0);
    assert!((1..150).contains(&copied), "half of them: {copied}");
    holder.release().await;
    observer.batch_execute("DROP TRIGGER waits ON messages; DROP FUNCTION wait").await.unwrap();

    // Nothing serves a half of a database.
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    for command in [&["--listen=127.0.0.1:0", "--data", data][..], &["check"], &["user", "list"]] {
        let ended = run(&to, "", command).await;
        assert!(ended.stderr.contains("is a copy that is not finished; run chinwag copy again"), "{ended:?}");
    }
    // A change of what is copied already is noticed.
    let db = Connection::open(source.data().join("chinwag.db")).unwrap();
    db.execute("UPDATE users SET name = name || '!'", []).unwrap();
    let ended = copy(&from, &to).await;
    assert!(!ended.succeeded && ended.stderr.contains("users differs after the copy"), "{ended:?}");
    db.execute("UPDATE users SET name = rtrim(name, '!')", []).unwrap();
    drop(db);

    let ended = copy(&from, &to).await;
    assert!(ended.succeeded, "{ended:?}");
    assert!(ended.stdout.starts_with("An earlier copy was interrupted and goes on.\n"), "{ended:?}");
    assert!(ended.stdout.contains("The database has no faults"), "{ended:?}");
    let secret = source.data().join("jwt-secret");
    assert!(ended.stdout.contains(secret.to_str().unwrap()), "{ended:?}");
    assert_same_rows(&from, &observer).await;

    let mut target = Node::with(&["--database-url", &to, "--jwt-secret-file", secret.to_str().unwrap()]);
    target.start().await;
    let tokens = post(target.address, "/v1/users/refresh", &json!({"refresh_token": used.ada.refresh_token})).await;
    let token = tokens.expect(200).json()["access_token"].as_str().unwrap().to_owned();
    let ada = TestUser { address: target.address, token, ..used.ada };
    let mut socket = ada.connect(&format!("{}?after_seq={seen}", used.room.socket)).await;
    for number in 1..=3 {
        let frame = socket.next_of(&["message.new"]).await;
        let expected = (json!(seen + number), json!(format!("since {number}")));
        assert_eq!((frame["seq"].clone(), frame["message"]["content"].clone()), expected, "{frame}");
    }
    let sent = ada.send(&used.room, "here too").await;
    assert_eq!(sent["seq"], seen + 4);
    assert_found(&ada, "quotes", 1).await;
}

/// Waits until a search finds this number of messages. The new database builds its own index.
async fn assert_found(user: &TestUser, word: &str, count: usize) {
    let mut pause = interval(Duration::from_millis(50));
    let found = async {
        loop {
            let answer = user.get(&format!("/v1/search?q={word}")).await.expect(200).json();
            if answer["items"].as_array().unwrap().len() == count {
                break;
            }
            pause.tick().await;
        }
    };
    timeout(TEST_TIMEOUT, found).await.expect("the messages are indexed");
}

/// The tables of a database with their columns and PostgreSQL's types.
async fn columns(client: &Client) -> BTreeMap<String, BTreeMap<String, String>> {
    let select = "SELECT table_name::text, column_name::text, data_type::text FROM information_schema.columns
        WHERE table_schema = 'public'";
    let mut tables = BTreeMap::<String, BTreeMap<String, String>>::new();
    for row in client.query(select, &[]).await.unwrap() {
        tables.entry(row.get(0)).or_default().insert(row.get(1), row.get(2));
    }
    tables
}

/// Compares every row of every table that has rows of its own, in a form that both databases can write.
async fn assert_same_rows(from: &str, target: &Client) {
    let db = Connection::open(from.strip_prefix("sqlite:").unwrap()).unwrap();
    let mut filled = 0;
    for (table, columns) in columns(target).await {
        if UNCOPIED_TABLES.contains(&table.as_str()) {
            continue;
        }
        let [ours, theirs] = [false, true].map(|is_sqlite| {
            let texts: Vec<String> = columns.iter().map(|(name, kind)| as_text(name, kind, is_sqlite)).collect();
            format!("SELECT {} FROM {table}", texts.join(" || '|' || "))
        });
        let rows = target.query(&ours, &[]).await.unwrap();
        let mut copied: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let mut statement = db.prepare(&theirs).unwrap();
        let mut original: Vec<String> =
            statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
        copied.sort_unstable();
        original.sort_unstable();
        assert_eq!(copied, original, "{table}");
        filled += usize::from(!copied.is_empty());
    }
    // Unswept reactions and departures live for a moment only.
    assert!(filled + 2 >= COPIED_TABLES.len(), "{filled} tables have rows");
}

fn as_text(name: &str, kind: &str, is_sqlite: bool) -> String {
    let text = match (kind, is_sqlite) {
        ("uuid", true) => format!("lower(hex({name}))"),
        ("uuid", false) => format!("replace({name}::text, '-', '')"),
        ("timestamp with time zone", false) => format!("(extract(epoch FROM {name}) * 1000000)::bigint::text"),
        ("boolean", false) => format!("{name}::int::text"),
        _ => format!("CAST({name} AS text)"),
    };
    format!("CASE WHEN {name} IS NULL THEN 'NULL' ELSE {text} END")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_knows_every_table_and_column() {
    let (url, _folder) = empty_database(StoreKind::Sqlite).await;
    drop(store::open(&url).await.unwrap());
    let db = Connection::open(url.strip_prefix("sqlite:").unwrap()).unwrap();
    let select = "SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c
        WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'";
    let mut statement = db.prepare(select).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).unwrap();
    let mut sqlite = BTreeMap::<String, Vec<String>>::new();
    for row in rows {
        let (table, column) = row.unwrap();
        sqlite.entry(table).or_default().push(column);
    }
    let to = database().await;
    drop(store::open(&to).await.unwrap());
    let client = connect(&to).await;
    let postgres = columns(&client).await;
    let mut known: Vec<&str> = COPIED_TABLES.iter().map(|table| table.name).collect();
    known.extend(UNCOPIED_TABLES);
    let add_it = "is not known to `chinwag copy`: add it to src/store/copied_tables.rs";
    for table in sqlite.keys().chain(postgres.keys()) {
        assert!(known.contains(&table.as_str()), "the table {table} {add_it}");
    }
    for table in COPIED_TABLES {
        let mut expected: Vec<String> = table.columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        expected.sort_unstable();
        let mut of_sqlite = sqlite[table.name].clone();
        of_sqlite.sort_unstable();
        assert_eq!(of_sqlite, expected, "a column of {} in SQLite {add_it}", table.name);
        let of_postgres: Vec<&String> = postgres[table.name].keys().collect();
        assert_eq!(
            of_postgres,
            expected.iter().collect::<Vec<_>>(),
            "a column of {} in PostgreSQL {add_it}",
            table.name
        );
        for (name, kind) in table.columns {
            let expected = match kind {
                ColumnKind::Id => "uuid",
                ColumnKind::Text => "text",
                ColumnKind::Integer => "bigint",
                ColumnKind::Bool => "boolean",
                ColumnKind::Time => "timestamp with time zone",
            };
            assert_eq!(postgres[table.name][*name], expected, "{}.{name}", table.name);
        }
        assert_key(&client, table.name, &expected_key(table)).await;
    }
    // Ids and numbers come from the application. A sequence would have to be set behind the greatest.
    let sequences = client.query_one("SELECT count(*) FROM pg_class WHERE relkind = 'S'", &[]).await.unwrap();
    assert_eq!(sequences.get::<_, i64>(0), 0);
}

fn expected_key(table: &store::CopiedTable) -> Vec<String> {
    let mut key: Vec<String> = table.columns[..table.key_width].iter().map(|(name, _)| (*name).to_owned()).collect();
    key.sort_unstable();
    key
}

/// Fails unless the table has this key, and sorts the texts in it by their bytes, as SQLite does.
async fn assert_key(client: &Client, table: &str, expected: &[String]) {
    let select = "SELECT a.attname::text, coalesce(l.collname::text, 'C') FROM pg_index i
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
        LEFT JOIN pg_collation l ON l.oid = a.attcollation
        WHERE i.indrelid = $1::text::regclass AND i.indisprimary ORDER BY 1";
    let rows = client.query(select, &[&table]).await.unwrap();
    let columns: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(columns, expected, "the key of {table}");
    assert!(rows.iter().all(|row| row.get::<_, String>(1) == "C"), "the key of {table} sorts by bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_copied_is_refused_and_left_as_it_is() {
    let mut node = Node::on(StoreKind::Sqlite).await;
    node.start().await;
    let ada = node.register("ada").await;
    let (from, to) = (url_of(&node), database().await);
    let empty = database().await;
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    let refused = async |from: &str, to: &str, because: &str| {
        let ended = copy(from, to).await;
        assert!(!ended.succeeded && ended.stdout.is_empty() && ended.stderr.lines().count() == 1, "{ended:?}");
        assert!(ended.stderr.contains(because), "{because}: {ended:?}");
    };
    refused(&from, &empty, "another server uses the database").await;
    assert_eq!(connect(&empty).await.query_one(tables, &[]).await.unwrap().get::<_, i64>(0), 0);
    node.signal(Signal::TERM);
    assert!(node.ended().await.success());

    let missing = node.data().join("missing.db");
    refused(&format!("sqlite:{}", missing.display()), &empty, "is no database of chinwag").await;
    assert!(!missing.exists());
    refused(&to, &empty, "--from takes sqlite:FILE").await;
    refused(&from, "sqlite:other.db", "--to takes postgres://").await;
    refused(&from, &format!("{empty}_missing"), "cannot be used").await;
    let text = node.data().join("text.db");
    fs::write(&text, "no database at all, but a text of some length").unwrap();
    refused(&format!("sqlite:{}", text.display()), &empty, "is no database of chinwag").await;

    // A database that somebody uses is not empty, and stays as it is.
    let mut other = Node::with(&["--database-url", &to]);
    other.start().await;
    other.register("grace").await;
    refused(&from, &to, "is not empty: ").await;
    let users = connect(&to).await.query_one("SELECT string_agg(username, ',') FROM users", &[]).await.unwrap();
    assert_eq!(users.get::<_, String>(0), "grace");
    assert!(run(&to, "", &["check"]).await.succeeded);

    // A source with faults is copied with them, and that is said.
    let file = node.data().join("chinwag.db");
    let db = Connection::open(&file).unwrap();
    db.execute("INSERT INTO contacts VALUES (randomblob(16), randomblob(16))", []).unwrap();
    drop(db);
    let ended = copy(&from, &empty).await;
    assert!(!ended.succeeded && ended.stderr.contains("has the faults that are named above"), "{ended:?}");
    assert!(ended.stdout.contains("contacts.user_id: "), "{ended:?}");
    let mut target = Node::with(&["--database-url", &empty]);
    target.start().await;
    TestUser::login(target.address, "ada").await;
    drop(ada);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_url_of_the_new_database_can_stand_in_a_file() {
    let mut node = Node::on(StoreKind::Sqlite).await;
    node.start().await;
    node.register("ada").await;
    node.signal(Signal::TERM);
    assert!(node.ended().await.success());
    let to = database().await;
    let file = node.data().join("url");
    fs::write(&file, format!("{to}\n")).unwrap();
    let from = url_of(&node);
    // An empty variable is an unset one.
    let ended = run("", "", &["copy", "--from", &from, "--to-file", file.to_str().unwrap()]).await;
    assert!(ended.succeeded, "{ended:?}");
    let ended = run("", "", &["user", "list", "--database-url-file", file.to_str().unwrap()]).await;
    assert!(ended.succeeded && ended.stdout.starts_with("ada\t"), "{ended:?}");
    let ended = run("", "", &["copy", "--from", &from]).await;
    assert!(ended.stderr.contains("--to takes the empty PostgreSQL database"), "{ended:?}");
    let mut target = Node::with(&["--database-url-file", file.to_str().unwrap()]);
    target.start().await;
    TestUser::login(target.address, "ada").await;
}
