//! The plans that PostgreSQL makes while a table is small or its statistics are poor, and how long it keeps them.

use chinwag::domain::command::NewMessage;
use chinwag::domain::message::Content;
use chinwag::domain::{MessageId, Timestamp};
use chinwag::store;
use chinwag::store::NumberedWrites;
use chinwag::store::postgres::Postgres;
use tokio_postgres::Client;

use crate::distribution::reach::plan;
use crate::postgres::{group, user};
use crate::support::postgres::{connect, migrated_database};
use crate::support::postgres_cluster::Cluster;
use crate::support::statements::statements;

/// With so many messages the index of ids has a level more than the index of numbers, which then looks better.
const FEW: i64 = 200;
/// As on the journal's connections.
const SETTINGS: &str = "SET plan_cache_mode = force_generic_plan; \
    SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off";

/// Inserts messages, each into a conversation that `conversation` gives.
async fn insert_messages(client: &Client, numbers: [i64; 2], conversation: &str) {
    let [first, last] = numbers;
    let sql = format!(
        "SET session_replication_role = replica; \
         INSERT INTO messages (conversation_id, seq, id, sender_id, content, timestamp) \
             SELECT {conversation}, n, gen_random_uuid(), gen_random_uuid(), 'one', now() FROM generate_series({first}, {last}) n; \
         UPDATE counters SET last_seq = {last}; SET session_replication_role = origin"
    );
    client.batch_execute(&sql).await.unwrap();
}

/// Returns true if the plan finds a message by its id among all messages of its conversation.
fn reads_a_conversation(plan: &str) -> bool {
    let mut table = "";
    plan.lines().any(|line| {
        let line = line.trim_start();
        if let Some((_, scanned)) = line.split_once(" on ") {
            table = scanned.split(' ').next().unwrap_or_default();
        }
        let filter = line.strip_prefix("Filter: ").unwrap_or_default();
        // A statement that names many ids may read a few pages instead.
        let mut by_id = filter.split("id = ").zip(filter.split("id = ").skip(1));
        table == "messages" && by_id.any(|(before, after)| before.ends_with(['(', '.']) && !after.starts_with("ANY"))
    })
}

#[tokio::test]
async fn a_message_is_found_by_its_id_alone_while_conversations_have_one() {
    let client = connect(&migrated_database().await).await;
    insert_messages(&client, [1, FEW], "gen_random_uuid()").await;
    client.batch_execute(SETTINGS).await.unwrap();
    client
        .batch_execute("ALTER TABLE messages ALTER COLUMN conversation_id RESET (n_distinct); ANALYZE messages")
        .await
        .unwrap();
    let by_id = "SELECT 1 FROM messages WHERE conversation_id = $1::uuid AND id = $2::uuid";
    assert!(reads_a_conversation(&plan(&client, by_id).await), "PostgreSQL chooses well by itself");
    // The schema's own setting.
    let setting = include_str!("../../schema.sql").lines().find(|line| line.contains("n_distinct = "));
    client.batch_execute(&format!("{} ANALYZE messages", setting.unwrap())).await.unwrap();
    let all = statements();
    let of_messages = all.iter().filter(|(_, sql)| sql.contains("messages") && !sql.contains("commit_messages_"));
    for (name, sql) in of_messages {
        let plan = plan(&client, sql).await;
        assert!(!reads_a_conversation(&plan), "{name}: {plan}");
    }
}

#[tokio::test]
async fn plans_from_when_a_table_was_small_are_made_again() {
    let cluster = Cluster::start().await;
    let url = cluster.database().await;
    store::open(&url).await.unwrap();
    let client = connect(&url).await;
    let explained = "ALTER TABLE messages SET (autovacuum_enabled = off); DO $$ BEGIN \
        EXECUTE format('ALTER DATABASE %I SET session_preload_libraries = auto_explain', current_database()); \
        EXECUTE format('ALTER DATABASE %I SET auto_explain.log_min_duration = 0', current_database()); END $$";
    client.batch_execute(explained).await.unwrap();

    let store = Postgres::open(&url).await.unwrap();
    let ada = user(&store, "ada").await;
    let room = group(&store, ada, vec![]).await;
    let conversation = format!("'{}'::uuid", room.0);
    insert_messages(&client, [1, FEW], &conversation).await;
    let last_plan = || {
        let log = cluster.log();
        let (_, plan) = log.rsplit_once("Query Text: WITH batch").unwrap();
        plan.split("duration:").next().unwrap().to_owned()
    };
    let send = async || {
        let (id, content) = (MessageId::new(), Content::parse("another".to_owned()).unwrap());
        let new = NewMessage {
            conversation_id: room,
            id,
            sender_id: ada,
            content,
            reply_to: None,
            timestamp: Timestamp::now(),
        };
        store.commit(0, [new].into()).await.unwrap().remove(0).unwrap();
    };
    send().await;
    assert!(reads_a_conversation(&last_plan()), "PostgreSQL chooses well by itself: {}", last_plan());
    insert_messages(&client, [FEW + 2, 100 * FEW], &conversation).await;
    for _ in 0..4 {
        send().await;
    }
    assert!(!reads_a_conversation(&last_plan()), "{}", last_plan());
}
