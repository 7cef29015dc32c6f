//! PostgreSQL behind a pooler.

use std::collections::HashSet;

use chinwag::store;
use rustix::process::Signal;
use tokio::task::JoinSet;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::support::node::Node;
use crate::support::pgbouncer::PgBouncer;
use crate::support::postgres::{connect, database};

/// Connections that the pooler of a test keeps: those of a node, and some.
const POOL_SIZE: usize = 14;
/// Clients that use a pooler beside the one that starts.
const BUSY_CLIENTS: usize = 6;

/// Asks without a prepared statement for one value.
async fn ask(client: &Client, sql: &str) -> Option<String> {
    let answer = client.simple_query(sql).await.unwrap();
    answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    })
}

/// All settings of a session that a client can change. Those of `plpgsql` appear in a session that has run a migration in that language.
const SETTINGS: &str = "SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings \
     WHERE context = 'user' AND name <> 'application_name' AND name NOT LIKE 'plpgsql.%'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_behind_a_pooler_of_sessions_leaves_no_setting_behind() {
    let url = database().await;
    let pooler = PgBouncer::start(&url, &format!("pool_mode = session\ndefault_pool_size = {POOL_SIZE}")).await;
    let mut node = Node::with(&["--database-url", &pooler.url]);
    node.start().await;
    let (ada, grace) = (node.register("ada").await, node.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let mut socket = grace.connect(&room.socket).await;
    for text in ["one", "two", "three"] {
        ada.send(&room, text).await;
    }
    assert_eq!(socket.next_seqs(3).await, [1, 2, 3]);

    let direct = connect(&url).await;
    let pids = "SELECT string_agg(pid::text, ' ') FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name = 'chinwag'";
    let used = ask(&direct, pids).await.unwrap();
    let used: HashSet<&str> = used.split(' ').collect();
    assert!(used.len() > 2, "readers and journal: {used:?}");
    node.signal(Signal::TERM);
    node.ended().await;

    let untouched = ask(&direct, SETTINGS).await;
    let mut others = Vec::new();
    let mut used_again = 0;
    for _ in 0..POOL_SIZE {
        let other = connect(&pooler.url).await;
        let pid = ask(&other, "SELECT pg_backend_pid()").await.unwrap();
        used_again += usize::from(used.contains(pid.as_str()));
        assert_eq!(ask(&other, SETTINGS).await, untouched, "{pid}");
        others.push(other);
    }
    assert_eq!(used_again, used.len(), "the sessions are those that the node had");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_that_shares_sessions_is_refused_at_start_and_nothing_is_set() {
    let url = database().await;
    for (settings, busy) in [
        ("pool_mode = transaction\ndefault_pool_size = 1", 0),
        ("pool_mode = transaction\ndefault_pool_size = 20", 0),
        ("pool_mode = transaction\ndefault_pool_size = 2\nserver_round_robin = 1", 0),
        ("pool_mode = transaction\ndefault_pool_size = 3", BUSY_CLIENTS),
        ("pool_mode = transaction\ndefault_pool_size = 2\nserver_round_robin = 1", BUSY_CLIENTS),
        ("pool_mode = statement\ndefault_pool_size = 20", 0),
    ] {
        let pooler = PgBouncer::start(&url, settings).await;
        let mut clients = JoinSet::new();
        for _ in 0..busy {
            let client = connect(&pooler.url).await;
            ask(&client, "SELECT 1").await;
            clients.spawn(async move {
                loop {
                    ask(&client, "SELECT pg_sleep(0.001)").await;
                }
            });
        }
        let refused = store::open(&pooler.url).await.err().unwrap_or_else(|| panic!("{settings} {busy}"));
        assert!(refused.detail.contains("pool_mode=session"), "{settings} {busy}: {refused}");
        assert!(!refused.detail.contains('\n'), "one line: {refused}");
        clients.shutdown().await;
        let (direct, other) = (connect(&url).await, connect(&pooler.url).await);
        assert_eq!(ask(&other, SETTINGS).await, ask(&direct, SETTINGS).await, "{settings} {busy}");
        assert_eq!(ask(&direct, "SELECT to_regclass('users')").await, None, "{settings} {busy}: migrated");
    }
}
