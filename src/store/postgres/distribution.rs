//! The distribution of the tables over the workers of Citus, a distributed PostgreSQL.
//!
//! The rows of a conversation are on one worker, in all tables. So are the rows of a user's logins, and the places of saved messages. Tables that are joined with rows of conversations,
//! and seldom written, are copied to every worker. The tables of the schema's versions and of the nodes stay on the coordinator.

use std::sync::Arc;

use tokio_postgres::Error as Failure;

use super::connect::{Connector, Purpose};
use super::connection::PgConnection;
use super::errors::described;
use super::{migrate, rows};
use crate::domain::{Code, Error, Result};
use crate::limits;

/// Tables that every worker has whole. A write goes to all of them, in two phases, and no other write of the table happens meanwhile. A table that
/// another one refers to comes before it.
const REFERENCE_TABLES: &[&str] = &[
    "users",
    "conversations",
    "deleted_conversations",
    "user_settings",
    "user_words",
    "blocks",
    "contacts",
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

/// Tables whose rows are on the worker of their `user_id`.
const TABLES_BY_USER: &[&str] = &["sessions", "tickets", "known_networks", "saved_messages"];

/// Those whose key gets the user, because Citus knows a row as unique only on its shard. The id stays first: a token of an older release names it
/// alone.
const KEYS_WITH_USER: &[&str] = &["sessions", "tickets"];

/// The table of each user's conversations, which exists only where the tables are distributed.
const USER_CONVERSATIONS: &str = "user_conversations";
/// Fills that table, in one transaction.
pub(super) const FILL_USER_CONVERSATIONS: &str = "BEGIN; TRUNCATE user_conversations; \
     INSERT INTO user_conversations (user_id, conversation_id) SELECT user_id, conversation_id FROM members; COMMIT";

/// The table of the states of users, which exists only where the tables are distributed. See [`super::user_states`].
const USER_STATES: &str = "user_states";
const CREATE_USER_STATES: &str = "CREATE TABLE IF NOT EXISTS user_states (user_id uuid PRIMARY KEY, \
     membership_version bigint NOT NULL DEFAULT 0, blocks_version bigint NOT NULL DEFAULT 0, last_seen_at timestamptz, \
     new_day bigint, new_that_day bigint NOT NULL DEFAULT 0)";
/// Makes the rows of users who have none from their columns. A row that is there is newer than they are.
pub(super) const FILL_USER_STATES: &str = "INSERT INTO user_states (user_id, membership_version, blocks_version, last_seen_at, new_day, new_that_day) \
     SELECT id, membership_version, blocks_version, last_seen_at, new_day, new_that_day FROM users ON CONFLICT DO NOTHING";
/// Makes earlier versions refuse the database, which look for their own marks. First, so that they do in the middle too.
const UNMARK: &str = "DROP FUNCTION IF EXISTS distributed_by_user_1(), distributed_by_user_2()";
/// Says by its name that all of that is done. A version that distributes more has another one.
const MARK: &str = "CREATE OR REPLACE FUNCTION distributed_by_user_3() RETURNS void LANGUAGE sql AS ''";

/// The functions, which exist only where the tables are distributed.
const FUNCTIONS: &str = include_str!("distributed.sql");
/// True if the tables are distributed: the function is made behind them. Then true if those of users are.
const DISTRIBUTION: &str =
    "SELECT to_regproc('commit_messages_1') IS NOT NULL, to_regproc('distributed_by_user_3') IS NOT NULL";
/// The number of servers that use the database.
const SERVERS: &str = "SELECT count(*) FROM nodes WHERE leased_to > now()";
/// True if the database has the extension.
const HAS_CITUS: &str = "SELECT to_regproc('create_distributed_table') IS NOT NULL";

/// How far the tables of a database are distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Distribution {
    None,
    /// As by an earlier version, which did not distribute the tables of users.
    Incomplete,
    Complete,
}

/// Returns the statements that distribute the tables of the current schema, in their order. Each does nothing if it has been done.
pub(crate) fn statements() -> Vec<String> {
    let reference = REFERENCE_TABLES.iter().map(|table| {
        format!("SELECT create_reference_table('{table}') WHERE NOT {}", is_distributed(table, "repmodel = 't'"))
    });
    let mut others = "none";
    let by_conversation = TABLES_BY_CONVERSATION.iter().map(|table| {
        let colocated = std::mem::replace(&mut others, TABLES_BY_CONVERSATION[0]);
        distributed(table, "conversation_id", colocated)
    });
    let made_known = "SELECT create_distributed_function(to_regproc('commit_messages_1')::regprocedure, 'conversation', \
                      colocate_with => 'counters')";
    let by_user = TABLES_BY_USER.iter().copied().flat_map(distributed_by_user);
    std::iter::once(UNMARK.to_owned())
        // Before the copied tables, because a foreign key to one of those would make them copied ones.
        .chain(by_user)
        .chain(reference)
        .chain(by_conversation)
        .chain([
            format!("CREATE TABLE IF NOT EXISTS {USER_CONVERSATIONS} (user_id uuid, conversation_id uuid, PRIMARY KEY (user_id, conversation_id))"),
            distributed(USER_CONVERSATIONS, "user_id", TABLES_BY_USER[0]),
            FILL_USER_CONVERSATIONS.to_owned(),
            CREATE_USER_STATES.to_owned(),
            distributed(USER_STATES, "user_id", TABLES_BY_USER[0]),
            FILL_USER_STATES.to_owned(),
        ])
        .chain([FUNCTIONS.trim_end().trim_end_matches(';').to_owned(), made_known.to_owned(), MARK.to_owned()])
        .collect()
}

/// Returns a condition: the table is distributed in this way.
fn is_distributed(table: &str, way: &str) -> String {
    format!("EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = '{table}'::regclass AND {way})")
}

fn distributed(table: &str, column: &str, colocated: &str) -> String {
    let is_done = is_distributed(table, "partmethod = 'h'");
    format!(
        "SELECT create_distributed_table('{table}', '{column}', colocate_with => '{colocated}') WHERE NOT {is_done}"
    )
}

/// Returns the statements that distribute a table by user. Earlier every worker had it whole. It keeps no foreign key, which every login would
/// check on the worker's copy of the users; no user's row is ever deleted.
fn distributed_by_user(table: &'static str) -> Vec<String> {
    let colocated = if table == TABLES_BY_USER[0] { "none" } else { TABLES_BY_USER[0] };
    let mut statements = vec![
        format!("ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {table}_user_id_fkey"),
        format!("SELECT undistribute_table('{table}') WHERE {}", is_distributed(table, "repmodel = 't'")),
    ];
    if KEYS_WITH_USER.contains(&table) {
        statements.push(format!(
            "DO $key$ BEGIN IF NOT EXISTS (SELECT FROM pg_index WHERE indrelid = '{table}'::regclass AND indisprimary AND indnkeyatts > 1) \
             THEN ALTER TABLE {table} DROP CONSTRAINT {table}_pkey, ADD CONSTRAINT {table}_pkey PRIMARY KEY (id, user_id); END IF; END $key$"
        ));
    }
    statements.push(distributed(table, "user_id", colocated));
    statements
}

/// Returns how far the tables are distributed.
pub(super) async fn distribution(connection: &PgConnection) -> Result<Distribution> {
    let found = connection.rows(DISTRIBUTION, &[]).await?;
    Ok(match rows::first(&found, rows::pair)?.unwrap_or_default() {
        (true, true) => Distribution::Complete,
        (true, false) => Distribution::Incomplete,
        (false, _) => Distribution::None,
    })
}

/// Migrates the database at a `postgres://…` URL, and distributes its tables. Refuses while a server uses it. Returns the number of database servers over which
/// it distributes them. Has no bound of time, because the rows are copied. May be repeated, after a failure or a migration.
pub(crate) async fn distribute(url: &str) -> Result<i64> {
    let connector = Connector::new(url, Arc::default())?;
    let refused =
        |cause: String| Error::new(Code::Unavailable, format!("the tables at {}: {cause}", connector.address()));
    let connection = connector.connect(Purpose::General).await.map_err(refused)?;
    let found = connection.rows(HAS_CITUS, &[]).await?;
    if rows::first(&found, rows::value)? != Some(true) {
        return Err(refused("the database has no extension citus; create it on all its nodes first".to_owned()));
    }
    migrate::migrate(connection.client()).await?;
    let servers: Option<i64> = rows::first(&connection.rows(SERVERS, &[]).await?, rows::value)?;
    if let Some(servers @ 1..) = servers {
        let lease = limits::LEASE.as_secs();
        let cause =
            format!("{servers} servers use it; stop them first (one that was killed counts for {lease} s more)");
        return Err(refused(cause));
    }
    let failed = |failure: Failure| refused(described(&failure));
    let unbounded = "SET statement_timeout = 0; SET lock_timeout = 0";
    connection.client().batch_execute(unbounded).await.map_err(failed)?;
    for statement in statements() {
        connection.client().batch_execute(&statement).await.map_err(failed)?;
    }
    let databases = "SELECT count(*) FROM pg_dist_node WHERE shouldhaveshards AND isactive";
    Ok(connection.client().query_one(databases, &[]).await.map_err(failed)?.get(0))
}
