//! The distribution of the tables over the workers of Citus, a distributed PostgreSQL.
//!
//! The rows of a conversation are on one worker, in all tables. Tables that are joined with them, and seldom written, are copied to every worker.
//! The tables of the schema's versions and of the nodes stay on the coordinator.

use std::sync::Arc;

use tokio_postgres::Error as Failure;

use super::connect::{Connector, Purpose};
use super::connection::PgConnection;
use super::errors::described;
use super::{migrate, rows};
use crate::domain::{Code, Error, Result};

/// Tables that every worker has whole. A write goes to all of them, in two phases. A table that another one refers to comes before it.
const REFERENCE_TABLES: &[&str] = &[
    "users",
    "conversations",
    "deleted_conversations",
    "user_settings",
    "user_words",
    "blocks",
    "contacts",
    "sessions",
    "tickets",
    "known_networks",
    "saved_messages",
    "reports",
    "departures",
    "retired_usernames",
    "invites",
    "settings",
    "search_versions",
];

/// Tables whose rows are on the worker of their `conversation_id`.
const TABLES_BY_CONVERSATION: &[&str] = &[
    "counters",
    "members",
    "messages",
    "changes",
    "reactions",
    "unswept_reactions",
    "pins",
    "mentions",
    "mentions_of_all",
    "leavers",
    "removals",
    "search_cursors",
    "search_entries",
];

/// The functions, which exist only where the tables are distributed.
const FUNCTIONS: &str = include_str!("distributed.sql");
/// True if all tables are distributed: the function is made behind them.
const IS_DISTRIBUTED: &str = "SELECT to_regproc('commit_messages_1') IS NOT NULL";
/// True if the database has the extension.
const HAS_CITUS: &str = "SELECT to_regproc('create_distributed_table') IS NOT NULL";

/// Returns the statements that distribute the tables of the current schema, in their order. Each does nothing if it has been done.
pub(crate) fn statements() -> Vec<String> {
    let is_undone = |table: &str, kind: &str| {
        format!("WHERE NOT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = '{table}'::regclass AND {kind})")
    };
    let reference = REFERENCE_TABLES
        .iter()
        .map(|table| format!("SELECT create_reference_table('{table}') {}", is_undone(table, "repmodel = 't'")));
    let mut others = "none";
    let by_conversation = TABLES_BY_CONVERSATION.iter().map(|table| {
        let colocated = std::mem::replace(&mut others, TABLES_BY_CONVERSATION[0]);
        let condition = is_undone(table, "partmethod = 'h'");
        format!(
            "SELECT create_distributed_table('{table}', 'conversation_id', colocate_with => '{colocated}') {condition}"
        )
    });
    let made_known = "SELECT create_distributed_function(to_regproc('commit_messages_1')::regprocedure, 'conversation', \
                      colocate_with => 'counters')";
    reference
        .chain(by_conversation)
        .chain([FUNCTIONS.trim_end().trim_end_matches(';').to_owned(), made_known.to_owned()])
        .collect()
}

/// Returns true if the tables are distributed.
pub(super) async fn is_distributed(connection: &PgConnection) -> Result<bool> {
    let found = connection.rows(IS_DISTRIBUTED, &[]).await?;
    Ok(rows::first(&found, rows::value)?.unwrap_or_default())
}

/// Migrates the database at a `postgres://…` URL, and distributes its tables. No server must use it meanwhile. Has no bound of time, because
/// the rows are copied. May be repeated, after a failure or a migration.
pub(crate) async fn distribute(url: &str) -> Result<()> {
    let connector = Connector::new(url, Arc::default())?;
    let refused =
        |cause: String| Error::new(Code::Unavailable, format!("the tables at {}: {cause}", connector.address()));
    let connection = connector.connect(Purpose::General).await.map_err(refused)?;
    let found = connection.rows(HAS_CITUS, &[]).await?;
    if rows::first(&found, rows::value)? != Some(true) {
        return Err(refused("the database has no extension citus; create it on all its nodes first".to_owned()));
    }
    migrate::migrate(connection.client()).await?;
    let failed = |failure: Failure| refused(described(&failure));
    let unbounded = "SET statement_timeout = 0; SET lock_timeout = 0";
    connection.client().batch_execute(unbounded).await.map_err(failed)?;
    for statement in statements() {
        connection.client().batch_execute(&statement).await.map_err(failed)?;
    }
    Ok(())
}
