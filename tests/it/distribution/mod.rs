//! The distribution of the tables over the workers of Citus: each statement, the script, and the commands.

mod citus;
mod conversations;
mod function;
mod logins;
pub(crate) mod reach;
mod states;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use chinwag::store::{self, distribution_script};

use crate::support::citus::{functions, mark, tables};
use crate::support::operated::{empty_database, run};
use crate::support::postgres::{connect, database};
use crate::support::server::StoreKind;
use crate::support::statements::statements;
use reach::Reach;

/// The statements that send and apply on a distributed database, and those that read history and catch up.
const PATHS: &[&str] = &[
    "commit_function.COMMIT",
    "heads.HEAD",
    "mentions.MENTIONED_MEMBERS_OF_ONE",
    "mentions.SENDERS_OF_ALL_OF_ONE",
    "quotes.QUOTES_OF_ONE",
    "messages.MESSAGE",
    "apply_load.CONVERSATIONS",
    "apply_facts.OF_ONE.",
    "apply_writes.OF_ONE.",
    "user_locks.LOCK_SLOTS",
    "user_locks.LIVE_USERS",
    "contacts.HAS_NOTED_CONTACT",
    "contacts.NEW_CONTACTS",
    "contacts.INSERT_NEW_CONTACTS",
    "contacts.HAS_WRITTEN",
    "message_search.DIRECT_CONVERSATION",
    "messages.PAGE_HEADER",
    "messages.PAGE_BEFORE",
    "messages.PAGE_AFTER",
    "messages.MESSAGES_BEFORE",
    "messages.MESSAGES_AFTER",
    "messages.EVENTS_AFTER",
    "receipts.RECEIPTS",
    "receipts.RECEIPTS_OF_OTHERS",
    "reactions.OWN_REACTIONS",
    "users.CONVERSATION_SNAPSHOT",
    "users.CONNECT_SNAPSHOT",
    "user_states.STATE",
];

/// The statements of logins, refreshes and tickets, but those that sweep, and of the state of one user.
const PATHS_OF_USERS: &[&str] = &[
    "sessions.INSERT_SESSION",
    "sessions.END_OLDEST_SESSIONS",
    "sessions.SESSION",
    "sessions.ROTATE_SESSION",
    "sessions.END_SESSION",
    "sessions.END_SESSION_OF",
    "sessions.END_OTHER_SESSIONS",
    "sessions.SESSIONS_OF",
    "tickets.INSERT_TICKET",
    "tickets.REDEEM_TICKET",
    "known_networks.INSERT_KNOWN_NETWORK",
    "known_networks.IS_KNOWN_NETWORK",
    "known_networks.DELETE_OLDEST_NETWORKS",
    "user_states.STATE",
    "user_states.MEMBERSHIP_VERSION",
    "user_states.RAISE_MEMBERSHIP_VERSIONS",
    "user_states.FORGET_LAST_SEEN",
    "user_states.SET_NEW_THAT_DAY",
];

/// The insert into a copied table that may look into a table: a transaction runs it behind `DELETE_WORDS`, which locks the shard alone already.
const LOOKING_INSERT: &str = "users.INSERT_WORDS";

/// Citus locks the shard of a copied table for an insert together with other inserts, and then once more, alone, if the insert looks into a table. So two at once
/// deadlock. With ON CONFLICT it locks the shard alone at once.
#[test]
fn an_insert_into_a_copied_table_looks_into_no_table() {
    let script = distribution_script();
    let copied: BTreeSet<&str> =
        script.split("create_reference_table('").skip(1).filter_map(|call| call.split('\'').next()).collect();
    assert!(copied.contains("contacts") && copied.len() > 10, "{copied:?}");
    let distributed = reach::distributed_tables();
    let is_table = |name: &str| copied.contains(name) || distributed.contains_key(name);
    let looks = |sql: &str| {
        let words: Vec<&str> =
            sql.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect();
        let is_insert = words.windows(2).any(|pair| pair[0] == "INTO" && copied.contains(pair[1]));
        is_insert
            && !sql.contains("ON CONFLICT")
            && words.windows(2).any(|pair| ["FROM", "JOIN"].contains(&pair[0]) && is_table(pair[1]))
    };
    let found: Vec<String> = statements().into_iter().filter(|(_, sql)| looks(sql)).map(|(name, _)| name).collect();
    assert_eq!(found, [LOOKING_INSERT]);
}

async fn reaches() -> BTreeMap<String, Reach> {
    let url = reach::partitioned().await;
    let client = connect(&url).await;
    let mut reaches = BTreeMap::new();
    for (name, sql) in statements() {
        let reach = reach::reach_of(&client, &sql).await;
        reaches.insert(name, reach);
    }
    reaches
}

/// The names in backquotes of a section of the document.
fn listed(heading: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/distribution.md");
    let document = fs::read_to_string(path).unwrap();
    let section = document.split(&format!("\n## {heading}\n")).nth(1).unwrap_or_else(|| panic!("no section {heading}"));
    let lists = section.split("\n## ").next().unwrap();
    let quoted = lists.split('`').skip(1).step_by(2);
    quoted.filter(|name| name.contains('.')).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_document_lists_every_statement_by_its_reach() {
    let reaches = reaches().await;
    assert!(reaches.len() > 150, "the statements are where they were: {}", reaches.len());
    for (heading, reach) in [
        ("One conversation", Reach::OneConversation),
        ("One user", Reach::OneUser),
        ("No conversation", Reach::Copied),
        ("Several shards", Reach::Several),
    ] {
        let found = reaches.iter().filter(|(_, of_it)| **of_it == reach).map(|(name, _)| name.clone());
        let (found, listed) = (found.collect::<BTreeSet<_>>(), listed(heading));
        let missing: Vec<_> = found.difference(&listed).collect();
        let wrong: Vec<_> = listed.difference(&found).collect();
        assert!(missing.is_empty() && wrong.is_empty(), "{heading}: missing {missing:#?}, wrong {wrong:#?}");
    }
}

#[tokio::test]
async fn messages_are_written_and_read_on_one_shard() {
    let reaches = reaches().await;
    for path in PATHS {
        let of_it: Vec<_> =
            reaches.iter().filter(|(name, _)| name == path || path.ends_with('.') && name.starts_with(*path)).collect();
        assert!(!of_it.is_empty(), "there is no statement {path}");
        for (name, reach) in of_it {
            assert_ne!(*reach, Reach::Several, "{name}");
        }
    }
}

#[tokio::test]
async fn sessions_and_tickets_are_written_and_read_on_one_shard() {
    let reaches = reaches().await;
    for path in PATHS_OF_USERS {
        assert_eq!(reaches.get(*path), Some(&Reach::OneUser), "{path}");
    }
}

#[tokio::test]
async fn the_script_names_every_table() {
    let url = database().await;
    store::open(&url).await.unwrap();
    // These stay on the coordinator, which every node is connected to.
    let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' \
        AND tablename NOT IN ('schema_versions', 'cluster', 'nodes')";
    let script = distribution_script();
    for row in connect(&url).await.query(tables, &[]).await.unwrap() {
        let table: &str = row.get(0);
        let calls = ["reference", "distributed"].map(|way| format!("create_{way}_table('{table}'"));
        assert_eq!(calls.iter().map(|call| script.matches(call).count()).sum::<usize>(), 1, "{table}");
    }
}

/// Citus refuses a table if one of its keys does not have the column by which its rows are distributed.
#[tokio::test]
async fn every_key_of_a_distributed_table_has_its_column() {
    let url = database().await;
    store::open(&url).await.unwrap();
    let client = connect(&url).await;
    client.batch_execute(&tables()).await.unwrap();
    let without = "SELECT i.indexrelid::regclass::text FROM unnest($1::text[], $2::text[]) AS w (name, by) \
        JOIN pg_class t ON t.relname = w.name JOIN pg_index i ON i.indrelid = t.oid \
        WHERE i.indisunique AND NOT EXISTS (SELECT FROM pg_attribute a \
            WHERE a.attrelid = t.oid AND a.attname = w.by AND a.attnum = ANY(i.indkey))";
    let (tables, columns): (Vec<String>, Vec<String>) = reach::distributed_tables().into_iter().unzip();
    let wrong = client.query(without, &[&tables, &columns]).await.unwrap();
    let wrong: Vec<String> = wrong.iter().map(|row| row.get(0)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[tokio::test]
async fn the_command_prints_its_statements_and_needs_no_database_for_it() {
    let printed = run("postgres://nobody@localhost:1/nowhere", "", &["migrate", "--distribute", "--print"]).await;
    assert!(printed.succeeded, "{printed:?}");
    assert_eq!(printed.stdout, distribution_script());
    let refused = run("postgres://nobody@localhost:1/nowhere", "", &["migrate", "--print"]).await;
    assert!(!refused.succeeded && refused.stderr.contains("--distribute"), "{refused:?}");
}

#[tokio::test]
async fn nothing_is_distributed_without_citus() {
    for (kind, because) in [(StoreKind::Sqlite, "for PostgreSQL"), (StoreKind::Postgres, "no extension citus")] {
        let (url, _folder) = empty_database(kind).await;
        let ended = run(&url, "", &["migrate", "--distribute"]).await;
        assert!(!ended.succeeded && ended.stderr.contains(because), "{ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    }
}

#[tokio::test]
async fn nothing_is_distributed_while_a_server_uses_the_database() {
    let url = database().await;
    store::open(&url).await.unwrap();
    let as_if_used = "CREATE FUNCTION create_distributed_table() RETURNS void LANGUAGE sql AS ''; \
        INSERT INTO nodes (incarnation, started_at, leased_to) VALUES (gen_random_uuid(), now(), now() + interval '1 minute')";
    connect(&url).await.batch_execute(as_if_used).await.unwrap();
    let ended = run(&url, "", &["migrate", "--distribute"]).await;
    assert!(!ended.succeeded && ended.stderr.contains("1 servers use it; stop them first"), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
}

/// An earlier version did not distribute the tables of users.
#[tokio::test]
async fn a_distribution_that_is_not_complete_is_refused_in_one_line() {
    let url = database().await;
    store::open(&url).await.unwrap();
    connect(&url).await.batch_execute(&functions()).await.unwrap();
    let refused = run(&url, "", &["user", "list"]).await;
    assert!(!refused.succeeded && refused.stderr.contains("chinwag migrate --distribute"), "{refused:?}");
    assert_eq!(refused.stderr.lines().count(), 1, "{refused:?}");
    connect(&url).await.batch_execute(&(tables() + &mark())).await.unwrap();
    assert!(run(&url, "", &["user", "list"]).await.succeeded);
}

#[tokio::test]
async fn a_database_is_migrated_without_a_server() {
    for kind in [StoreKind::Sqlite, StoreKind::Postgres] {
        let (url, _folder) = empty_database(kind).await;
        for _ in 0..2 {
            let ended = run(&url, "", &["migrate"]).await;
            assert!(ended.succeeded && ended.stdout.is_empty(), "{ended:?}");
        }
        assert!(run(&url, "", &["user", "list"]).await.succeeded);
    }
}
