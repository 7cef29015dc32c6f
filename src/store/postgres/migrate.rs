//! Migrates the database to this binary's schema, at start.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error as Failure};

use super::errors::described;
use crate::domain::{Code, Error, Result};
use crate::limits;
use crate::store::migrations::{self, Migration};

/// The number of the advisory lock that keeps two nodes from migrating at once: "chinwag" in ASCII.
const LOCK: i64 = 0x0063_6869_6e77_6167;
/// The time that [`begin`] may take. The migrations themselves have no bound, because their time depends on the size of the tables.
const BEGIN_TIMEOUT: Duration = limits::MIGRATION_LOCK_TIMEOUT.saturating_add(limits::QUERY_TIMEOUT);

/// Applies the missing migrations, each in a transaction of its own, so that the locks of one are not held while the next one works. Tries
/// again for [`limits::MIGRATION_LOCK_TIMEOUT`] while a table is in use.
pub(super) async fn migrate(client: &Client) -> Result<()> {
    let deadline = Instant::now() + limits::MIGRATION_LOCK_TIMEOUT;
    let mut is_logged = false;
    loop {
        let (version, needs) = timeout(BEGIN_TIMEOUT, begin(client))
            .await
            .map_err(|_| refused("PostgreSQL does not answer"))?
            .map_err(|failure| match failure.code() {
                Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                    refused("another process has been migrating the database for too long")
                }
                _ => refused(&described(&failure)),
            })?;
        let pending = migrations::pending(version, needs)?;
        let Some(next) = pending.first() else {
            return client.batch_execute("COMMIT").await.map_err(|failure| refused(&described(&failure)));
        };
        if !is_logged {
            migrations::log_start(pending);
            is_logged = true;
        }
        let Err(failure) = apply(client, next).await else { continue };
        // A migration locks tables in an order that is not always that of the nodes that serve.
        if !matches!(failure.code(), Some(&SqlState::LOCK_NOT_AVAILABLE | &SqlState::T_R_DEADLOCK_DETECTED)) {
            return Err(refused(&described(&failure)));
        }
        if Instant::now() > deadline {
            return Err(refused("another process, a backup for example, has been using a table for too long"));
        }
        client.batch_execute("ROLLBACK").await.map_err(|failure| refused(&described(&failure)))?;
        sleep(limits::MIGRATION_RETRY_PAUSE).await;
    }
}

/// Checks that no migration is missing. Changes nothing.
pub(super) async fn require_current(client: &Client, place: &str) -> Result<()> {
    let check = async {
        let table = client.query_one("SELECT to_regclass('schema_versions') IS NOT NULL", &[]).await?;
        if table.try_get(0)? { versions(client).await.map(Some) } else { Ok(None) }
    };
    let found = timeout(limits::QUERY_TIMEOUT, check).await.map_err(|_| refused("PostgreSQL does not answer"))?;
    let found = found.map_err(|failure: Failure| refused(&described(&failure)))?;
    let (version, needs) = found.ok_or_else(|| migrations::no_database(place))?;
    migrations::require_current(version, needs)
}

/// Begins a transaction and waits for the lock. Returns the version of the schema, and the version that a binary must know to run on it.
async fn begin(client: &Client) -> Result<(i64, i64), Failure> {
    let wait = limits::MIGRATION_LOCK_TIMEOUT.as_millis();
    client
        .batch_execute(&format!(
            "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; \
             SET LOCAL lock_timeout = {wait}; SELECT pg_advisory_xact_lock({LOCK}); {}",
            migrations::TABLE
        ))
        .await?;
    versions(client).await
}

async fn versions(client: &Client) -> Result<(i64, i64), Failure> {
    let row =
        client.query_one("SELECT coalesce(max(version), 0), coalesce(max(needs), 0) FROM schema_versions", &[]).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// Applies a migration and commits. Every write of nodes that serve meanwhile waits behind a table lock that this waits for. So each wait is
/// shorter than the time that these nodes give a statement.
async fn apply(client: &Client, migration: &Migration) -> Result<(), Failure> {
    let wait = limits::MIGRATION_TABLE_LOCK_TIMEOUT.as_millis();
    client.batch_execute(&format!("SET LOCAL lock_timeout = {wait}")).await?;
    client.batch_execute(migration.postgres()).await?;
    client
        .execute(
            "INSERT INTO schema_versions (version, needs) VALUES ($1, $2)",
            &[&migration.version, &migration.needs],
        )
        .await?;
    client.batch_execute("COMMIT").await
}

fn refused(cause: &str) -> Error {
    Error::new(Code::Unavailable, format!("the database cannot be migrated: {cause}"))
}
