//! Finds by PostgreSQL's planner which rows a statement can reach: the tables that Citus distributes are partitioned in the same way, and the plan names
//! the partitions that it reads.

use std::collections::{BTreeMap, BTreeSet};

use chinwag::store::{self, distribution_script};
use tokio_postgres::Client;

use crate::support::citus::tables;
use crate::support::postgres::{connect, database};

/// The partitions of each table. With as many, three values are hardly ever in one.
const PARTITIONS: usize = 8;
/// One of the values of the parameters.
const SOME_ID: &str = "0198c0de-0000-7000-8000-000000000001";

/// The rows that a statement can reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// Those of one conversation, in the tables that are distributed by conversation.
    OneConversation,
    /// Those of one user, in the tables that are distributed by user.
    OneUser,
    /// Those of tables alone that every worker has whole, or the coordinator alone.
    Copied,
    /// Those of several shards.
    Several,
}

/// Creates a database whose distributed tables are partitioned. Returns its URL.
pub(super) async fn partitioned() -> String {
    let url = database().await;
    store::open(&url).await.unwrap();
    let client = connect(&url).await;
    client.batch_execute(&tables()).await.unwrap();
    for (table, column) in distributed_tables() {
        let partitions = (0..PARTITIONS).map(|number| {
            format!(
                "CREATE TABLE {table}_shard{number} PARTITION OF {table} \
                 FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {number});"
            )
        });
        let partitions: String = partitions.collect();
        let sql = format!(
            "ALTER TABLE {table} RENAME TO {table}_whole; \
             CREATE TABLE {table} (LIKE {table}_whole INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES) \
                 PARTITION BY HASH ({column}); \
             {partitions} DROP TABLE {table}_whole"
        );
        client.batch_execute(&sql).await.unwrap();
    }
    url
}

/// The tables that the script distributes, each with the column by which it does.
pub(super) fn distributed_tables() -> BTreeMap<String, String> {
    let script = distribution_script();
    let calls = script.split("create_distributed_table('").skip(1);
    let arguments = calls.map(|call| call.split('\'').step_by(2).take(2).map(str::to_owned));
    arguments.map(|mut arguments| (arguments.next().unwrap(), arguments.next().unwrap())).collect()
}

/// Returns how far a statement reaches.
pub(super) async fn reach_of(client: &Client, sql: &str) -> Reach {
    if sql.starts_with("SELECT commit_messages_") {
        return Reach::OneConversation; // a call that Citus passes to the worker of its first argument
    }
    client.batch_execute("SET plan_cache_mode = force_custom_plan").await.unwrap();
    reach_of_plan(&plan(client, sql).await, sql)
}

/// Returns PostgreSQL's plan for a statement, with some values for its parameters.
pub(crate) async fn plan(client: &Client, sql: &str) -> String {
    client.batch_execute("DEALLOCATE ALL").await.unwrap();
    client.batch_execute(&format!("PREPARE one AS {sql}")).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let types = "SELECT parameter_types::text[] FROM pg_prepared_statements WHERE name = 'one'";
    let types: Vec<String> = client.query_one(types, &[]).await.unwrap().get(0);
    let values: Vec<String> = types.iter().map(|name| value(name)).collect();
    let values = if values.is_empty() { String::new() } else { format!("({})", values.join(", ")) };
    let explained = client.simple_query(&format!("EXPLAIN EXECUTE one{values}")).await;
    let rows = explained.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let lines = rows.iter().filter_map(|row| match row {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns how far a plan reaches.
pub(super) fn reach_of_plan(plan: &str, sql: &str) -> Reach {
    let mut partitions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (at, _) in plan.match_indices("_shard") {
        let table = plan[..at].rsplit([' ', '\n']).next().unwrap();
        let number = plan[at + "_shard".len()..].split(|c: char| !c.is_ascii_digit()).next().unwrap();
        partitions.entry(table).or_default().insert(number);
    }
    // An index has a longer name than the table that it is of.
    let tables = distributed_tables();
    partitions.retain(|table, _| tables.contains_key(*table));
    // Citus sends each inserted row to its shard.
    let inserted = tables.keys().find(|table| sql.contains(&format!("INSERT INTO {table} ")));
    let one = |table: &str| if tables[table] == "user_id" { Reach::OneUser } else { Reach::OneConversation };
    match partitions.values().map(BTreeSet::len).max() {
        Some(2..) => Reach::Several,
        _ if plan.contains("Subplans Removed") => Reach::Several,
        _ => partitions.keys().next().copied().or(inserted.map(String::as_str)).map_or(Reach::Copied, one),
    }
}

fn value(type_name: &str) -> String {
    let others = ["0198c0de-0000-7000-8000-000000000002", "0198c0de-0000-7000-8000-000000000003"];
    match type_name {
        "uuid" => format!("'{SOME_ID}'"),
        "uuid[]" => format!("'{{{SOME_ID},{},{}}}'", others[0], others[1]),
        "text" => "'x'".to_owned(),
        "text[]" => "'{x,y,z}'".to_owned(),
        "bigint" | "integer" => "1".to_owned(),
        "bigint[]" => "'{1,2,3}'".to_owned(),
        "boolean" => "true".to_owned(),
        "timestamp with time zone" => "now()".to_owned(),
        other => format!("NULL::{other}"),
    }
}
