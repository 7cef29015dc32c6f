//! `chinwag check` finds each kind of fault, and none in a database that is used.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use chinwag::store::{self, checks};
use rusqlite::Connection;
use rustix::process::Signal;
use uuid::Uuid;

use super::everything::{Used, url_of, use_everything};
use crate::support::client::{Conversation, TestUser};
use crate::support::node::Node;
use crate::support::operated::{Ended, empty_database, run};
use crate::support::postgres::{connect, database};
use crate::support::server::StoreKind;

on_each_store! {
    a_database_in_use_has_no_faults,
    a_database_of_schema_4_has_no_faults,
    each_kind_of_damage_is_found_and_named,
    a_kind_of_fault_is_shown_a_bounded_number_of_times,
    what_is_no_database_is_not_checked,
}

async fn check(url: &str) -> Ended {
    run(url, "", &["check"]).await
}

#[track_caller]
fn assert_clean(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.starts_with("The database has no faults (") && ended.stderr.is_empty(), "{ended:?}");
}

/// Sends until it is dropped.
fn send_on(user: &TestUser, room: &Conversation) -> tokio::task::JoinHandle<()> {
    let (user, room) = (user.clone(), room.clone());
    tokio::spawn(async move {
        loop {
            let message = user.send(&room, "@all one more").await;
            let path = format!("{}/{}", room.messages, message["id"].as_str().unwrap());
            user.put(&format!("{path}/reactions/%E2%9D%A4")).await.expect(204);
            user.put(&format!("{path}/pin")).await;
            user.delete(&format!("{path}/pin")).await.expect(204);
            user.delete(&path).await.expect(204);
        }
    })
}

async fn a_database_in_use_has_no_faults(store: StoreKind) {
    let mut node = Node::on(store).await;
    node.start().await;
    let url = url_of(&node);
    let Used { ada, room, .. } = use_everything(&node).await;
    let sender = send_on(&ada, &room);
    for _ in 0..3 {
        assert_clean(&check(&url).await);
    }
    sender.abort();
    let _ = sender.await;
    node.kill().await;
    assert_clean(&check(&url).await);
    node.start().await;
    node.signal(Signal::TERM);
    assert!(node.ended().await.success());
    assert_clean(&check(&url).await);
}

async fn a_database_of_schema_4_has_no_faults(store: StoreKind) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures");
    let (url, folder) = empty_database(store).await;
    match store {
        StoreKind::Sqlite => drop(fs::copy(fixtures.join("schema-4.db"), folder.path().join("chinwag.db")).unwrap()),
        StoreKind::Postgres => {
            let dump = fs::read_to_string(fixtures.join("schema-4.sql")).unwrap();
            connect(&url).await.batch_execute(&dump).await.unwrap();
        }
    }
    let refused = check(&url).await;
    assert_eq!(refused.code, Some(2), "{refused:?}");
    drop(store::open(&url).await.unwrap());
    assert_clean(&check(&url).await);
}

/// Damages, and the checks that find them. `{new}` is an id that nothing has, `{time}` a time.
const DAMAGES: &[(&[&str], &str)] = &[
    (
        &["numbers.missing"],
        "DELETE FROM changes WHERE conversation_id = {room} AND seq = (SELECT min(seq) FROM changes WHERE conversation_id = {room})",
    ),
    (
        &["numbers.double"],
        "INSERT INTO messages (conversation_id, seq, id, sender_id, content, timestamp)
            SELECT conversation_id, seq, {new}, {ada}, 'x', {time} FROM changes WHERE conversation_id = {room} LIMIT 1",
    ),
    (
        &["numbers.outside"],
        "INSERT INTO messages (conversation_id, seq, id, sender_id, content, timestamp) VALUES ({room}, 0, {new}, {ada}, 'x', {time})",
    ),
    (&["counters.missing"], "DELETE FROM counters WHERE conversation_id = {room}"),
    (&["counters.member_count"], "UPDATE counters SET member_count = member_count + 1 WHERE conversation_id = {room}"),
    (&["members.numbers"], "UPDATE members SET read_seq = 100000 WHERE conversation_id = {room} AND user_id = {ada}"),
    (&["members.owner"], "UPDATE members SET role = 'admin' WHERE conversation_id = {room} AND role = 'owner'"),
    (
        &["members.is_blocked"],
        "UPDATE members SET is_blocked = NOT is_blocked WHERE conversation_id = {direct} AND user_id = {ada}",
    ),
    (&["conversations.type"], "UPDATE conversations SET direct_key = 'x' WHERE id = {room}"),
    (&["conversations.direct_key"], "UPDATE conversations SET direct_key = 'a:b' WHERE id = {direct}"),
    (&["deleted_conversations"], "INSERT INTO deleted_conversations (conversation_id) VALUES ({room})"),
    (
        &["counters.conversation_id"],
        "INSERT INTO counters (conversation_id, member_count, active_at) VALUES ({new}, 0, {time})",
    ),
    (
        &["members.conversation_id"],
        "INSERT INTO members (conversation_id, user_id, role, joined_at) VALUES ({new}, {ada}, 'member', {time})",
    ),
    (
        &["messages.conversation_id"],
        "INSERT INTO messages (conversation_id, seq, id, sender_id, content, timestamp) VALUES ({new}, 1, {new}, {ada}, 'x', {time})",
    ),
    (&["changes.conversation_id"], "INSERT INTO changes (conversation_id, seq, kind) VALUES ({new}, 1, 'x')"),
    (&["reactions.conversation_id"], "INSERT INTO reactions VALUES ({new}, 1, 'x', {ada})"),
    (&["unswept_reactions.conversation_id"], "INSERT INTO unswept_reactions VALUES ({new}, 1)"),
    (&["pins.conversation_id"], "INSERT INTO pins VALUES ({new}, 1, {ada}, {time})"),
    (&["mentions.conversation_id"], "INSERT INTO mentions VALUES ({new}, {ada}, 1)"),
    (&["mentions_of_all.conversation_id"], "INSERT INTO mentions_of_all VALUES ({new}, 1)"),
    (&["leavers.conversation_id"], "INSERT INTO leavers VALUES ({new}, {ada})"),
    (&["removals.conversation_id"], "INSERT INTO removals VALUES ({new}, {new}, {time})"),
    (&["saved_messages.conversation_id"], "INSERT INTO saved_messages VALUES ({ada}, {new}, {new}, {time})"),
    (
        &["changes.message_seq"],
        "UPDATE changes SET message_seq = 100000 WHERE conversation_id = {room} AND message_seq IS NOT NULL",
    ),
    (&["reactions.message_seq"], "INSERT INTO reactions VALUES ({room}, 100000, 'x', {ada})"),
    (&["unswept_reactions.message_seq"], "INSERT INTO unswept_reactions VALUES ({room}, 100000)"),
    (&["pins.message_seq"], "INSERT INTO pins VALUES ({room}, 100000, {ada}, {time})"),
    (&["mentions.message_seq"], "INSERT INTO mentions VALUES ({room}, {ada}, 100000)"),
    (&["mentions_of_all.message_seq"], "INSERT INTO mentions_of_all VALUES ({room}, 100000)"),
    (&["messages.reply_to"], "UPDATE messages SET reply_to = {new} WHERE conversation_id = {room} AND seq = 1"),
    (&["removals.message_id"], "INSERT INTO removals VALUES ({room}, {new}, {time})"),
    (&["saved_messages.message_id"], "INSERT INTO saved_messages VALUES ({ada}, {room}, {new}, {time})"),
    (&["reactions.counts"], "UPDATE messages SET reactions = reactions || '0' WHERE reactions IS NOT NULL"),
    (&["messages.reactions"], "UPDATE messages SET reactions = 'x 1' WHERE conversation_id = {room} AND seq = 1"),
    (&["messages.pinned_at"], "UPDATE messages SET pinned_at = {time} WHERE conversation_id = {room} AND seq = 1"),
    (&["pins.pinned_at"], "UPDATE messages SET pinned_at = NULL WHERE pinned_at IS NOT NULL"),
    (&["search_cursors.seq"], "INSERT INTO search_cursors VALUES (999, {room}, 100000)"),
    (&["sessions.user_id"], "UPDATE sessions SET user_id = {new} WHERE user_id = {ada}"),
    (&["tickets.user_id"], "INSERT INTO tickets VALUES ({new}, {new}, {new}, {time}, {time})"),
    (&["known_networks.user_id"], "INSERT INTO known_networks VALUES ({new}, 1, {time})"),
    (&["user_settings.user_id"], "INSERT INTO user_settings (user_id) VALUES ({new})"),
    (&["user_words.user_id"], "INSERT INTO user_words VALUES ('x', {new})"),
    (&["departures.user_id"], "INSERT INTO departures VALUES ({new}, {time})"),
    (&["contacts.user_id"], "INSERT INTO contacts VALUES ({new}, {ada})"),
    (&["contacts.contact_id"], "INSERT INTO contacts VALUES ({ada}, {new})"),
    (&["blocks.user_id"], "INSERT INTO blocks VALUES ({new}, {ada}, {time})"),
    (&["blocks.blocked_id"], "INSERT INTO blocks VALUES ({ada}, {new}, {time})"),
    (&["conversations.creator_id"], "UPDATE conversations SET creator_id = {new} WHERE id = {room}"),
    (&["members.user_id"], "UPDATE members SET user_id = {new} WHERE conversation_id = {room} AND user_id = {grace}"),
    (&["leavers.user_id"], "INSERT INTO leavers VALUES ({room}, {new})"),
    (&["messages.sender_id"], "UPDATE messages SET sender_id = {new} WHERE conversation_id = {room} AND seq = 1"),
    (&["messages.note_user_id"], "UPDATE messages SET note_user_id = {new} WHERE conversation_id = {room} AND seq = 1"),
    (&["reactions.user_id"], "UPDATE reactions SET user_id = {new} WHERE conversation_id = {room} AND user_id = {ada}"),
    (&["pins.user_id"], "UPDATE pins SET user_id = {new}"),
    (&["mentions.user_id"], "INSERT INTO mentions VALUES ({room}, {new}, 1)"),
    (&["saved_messages.user_id"], "UPDATE saved_messages SET user_id = {new}"),
    (&["reports.reporter_id"], "UPDATE reports SET reporter_id = {new}"),
    (&["reports.sender_id"], "UPDATE reports SET sender_id = {new}"),
];

/// Databases with the same rows, of which each is damaged once.
enum Copies {
    Sqlite(PathBuf, tempfile::TempDir),
    /// One database, and the statements that bring back its rows: they take a fraction of the time of a database for each damage.
    Postgres(String, String),
}

impl Copies {
    async fn damaged(&self, statement: &str) -> String {
        match self {
            Self::Sqlite(original, folder) => {
                let file = folder.path().join(format!("{}.db", Uuid::now_v7()));
                fs::copy(original, &file).unwrap();
                let db = Connection::open(&file).unwrap();
                db.pragma_update(None, "foreign_keys", "OFF").unwrap();
                assert!(db.execute(statement, []).unwrap() > 0, "{statement}");
                format!("sqlite:{}", file.display())
            }
            Self::Postgres(url, bring_back) => {
                let mut client = connect(url).await;
                let transaction = client.transaction().await.unwrap();
                // Foreign keys and triggers would refuse the damage.
                transaction.batch_execute("SET LOCAL session_replication_role = replica").await.unwrap();
                transaction.batch_execute(bring_back).await.unwrap();
                assert!(transaction.execute(statement, &[]).await.unwrap() > 0, "{statement}");
                transaction.commit().await.unwrap();
                url.clone()
            }
        }
    }

    /// Copies the rows of a database of PostgreSQL into a schema beside them.
    async fn of_postgres(url: String) -> Self {
        let client = connect(&url).await;
        let tables =
            client.query("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'", &[]).await.unwrap();
        let tables: Vec<String> = tables.iter().map(|row| row.get(0)).collect();
        client.batch_execute("CREATE SCHEMA intact").await.unwrap();
        let mut bring_back = format!("TRUNCATE {};", tables.join(", "));
        for table in &tables {
            client.batch_execute(&format!("CREATE TABLE intact.{table} AS TABLE {table}")).await.unwrap();
            write!(bring_back, "INSERT INTO {table} TABLE intact.{table};").unwrap();
        }
        Self::Postgres(url, bring_back)
    }
}

/// Returns a database that was used, which no server uses now, and the statement with its ids.
async fn used(store: StoreKind) -> (Copies, impl Fn(&str) -> String, Used) {
    let mut node = Node::on(store).await;
    node.start().await;
    let used = use_everything(&node).await;
    node.signal(Signal::TERM);
    assert!(node.ended().await.success());
    let url = url_of(&node);
    let copies = match store {
        StoreKind::Sqlite => {
            let folder = tempfile::tempdir().unwrap();
            let original = folder.path().join("original.db");
            fs::copy(node.data().join("chinwag.db"), &original).unwrap();
            Copies::Sqlite(original, folder)
        }
        StoreKind::Postgres => Copies::of_postgres(url).await,
    };
    let ids = [
        ("{room}", used.room.id.clone()),
        ("{direct}", used.direct.id.clone()),
        ("{ada}", used.ada.id.clone()),
        ("{grace}", used.grace.id.clone()),
    ];
    let statement = move |template: &str| {
        let (new, id): (_, fn(&str) -> String) = match store {
            StoreKind::Sqlite => ("randomblob(16)", |id| format!("x'{}'", id.replace('-', ""))),
            StoreKind::Postgres => ("gen_random_uuid()", |id| format!("'{id}'::uuid")),
        };
        let text = template.replace("{new}", new).replace("{time}", "(SELECT min(timestamp) FROM messages)");
        ids.iter().fold(text, |text, (name, value)| text.replace(name, &id(value)))
    };
    (copies, statement, used)
}

async fn each_kind_of_damage_is_found_and_named(store: StoreKind) {
    let (copies, statement, used) = used(store).await;
    let tried: BTreeSet<&str> = DAMAGES.iter().flat_map(|(names, _)| names.iter().copied()).collect();
    assert_eq!(tried, checks().map(|check| check.name).collect::<BTreeSet<_>>());
    for (expected, template) in DAMAGES {
        let url = copies.damaged(&statement(template)).await;
        let Ended { code, stdout, stderr, .. } = check(&url).await;
        let faults: Vec<&str> = stdout.lines().filter(|line| !line.starts_with("The database has ")).collect();
        let names: BTreeSet<&str> = faults.iter().filter_map(|line| line.split(':').next()).collect();
        assert_eq!(names, expected.iter().copied().collect(), "{template}: {stdout}{stderr}");
        assert_eq!((code, stderr.as_str()), (Some(1), ""), "{template}");
        let place = if template.contains("{direct}") { &used.direct.id } else { &used.room.id };
        if template.contains("{room}") || template.contains("{direct}") {
            assert!(
                faults.iter().all(|line| line.contains(&format!(": conversation {place}"))),
                "{template}: {stdout}"
            );
        }
    }
}

async fn a_kind_of_fault_is_shown_a_bounded_number_of_times(store: StoreKind) {
    let (copies, statement, _) = used(store).await;
    let many = "INSERT INTO unswept_reactions (conversation_id, message_seq)
        WITH RECURSIVE n (seq) AS (SELECT 100001 UNION ALL SELECT seq + 1 FROM n WHERE seq < 100100) SELECT {room}, seq FROM n";
    let url = copies.damaged(&statement(many)).await;
    let Ended { code, stdout, .. } = check(&url).await;
    let name = "unswept_reactions.message_seq";
    assert_eq!(stdout.lines().filter(|line| line.starts_with(&format!("{name}: conversation "))).count(), 20);
    assert!(stdout.contains(&format!("{name}: more than 20, the others are not shown\n")), "{stdout}");
    assert!(stdout.contains("The database has more than 20 faults, found by 1 of "), "{stdout}");
    assert_eq!(code, Some(1));
}

async fn what_is_no_database_is_not_checked(store: StoreKind) {
    let (url, folder) = empty_database(store).await;
    let mut wrong = vec![url];
    match store {
        StoreKind::Sqlite => {
            let file = folder.path().join("text.db");
            fs::write(&file, "no database at all, but a text of some length").unwrap();
            wrong.push(format!("sqlite:{}", file.display()));
        }
        StoreKind::Postgres => wrong.push(format!("{}_missing", database().await)),
    }
    for url in wrong {
        let Ended { code, stdout, stderr, .. } = check(&url).await;
        assert_eq!((code, stdout.as_str(), stderr.lines().count()), (Some(2), "", 1), "{url}: {stderr}");
    }
    let ended = run("sqlite:x", "", &["check", "--nonsense"]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
    assert!(!Path::new("x").exists());
}
