//! A state of the database at one moment, which a command reads to the end.

use std::sync::Arc;

use tokio_postgres::{Client, Error as Failure, Row};
use uuid::Uuid;

use super::connect::{Connector, Purpose};
use super::connection::PgConnection;
use super::distribution::{Distribution, distribution};
use super::errors::described;
use super::migrate;
use crate::domain::{Code, Error, Result};
use crate::store::checks::{Check, Fault};

/// Servers write meanwhile.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// A command reads whole tables, and takes as long as that takes.
const WITHOUT_TIMEOUTS: &str = "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0";
/// Citus collects on the coordinator what it compares of several shards, by default at most 1 GB.
const WITHOUT_BOUND: &str = "SET citus.max_intermediate_result_size = -1";

/// One transaction on a connection of its own.
pub(in crate::store) struct PostgresSnapshot {
    connection: PgConnection,
    is_distributed: bool,
}

impl PostgresSnapshot {
    /// Begins to read.
    pub(in crate::store) async fn beside_writers(url: &str) -> Result<Self> {
        let (connection, place) = connect(url).await?;
        migrate::require_current(connection.client(), &place).await?;
        let is_distributed = distribution(&connection).await? == Distribution::Complete;
        if is_distributed {
            connection.client().batch_execute(WITHOUT_BOUND).await.map_err(failed)?;
        }
        connection.client().batch_execute(BEGIN).await.map_err(failed)?;
        Ok(Self { connection, is_distributed })
    }

    /// Returns true if the tables are distributed.
    pub(in crate::store) fn is_distributed(&self) -> bool {
        self.is_distributed
    }

    /// Returns at most `limit` faults that a check finds.
    pub(in crate::store) async fn faults(&self, check: &Check, limit: usize) -> Result<Vec<Fault>> {
        let found =
            faults(self.connection.client(), &format!("{} LIMIT {limit}", check.postgres(self.is_distributed))).await;
        found.map_err(failed)
    }
}

async fn faults(client: &Client, sql: &str) -> Result<Vec<Fault>, Failure> {
    let fault = |row: &Row| {
        let (conversation_id, other_id) = (row.try_get::<_, Option<Uuid>>(0)?, row.try_get(1)?);
        Ok(Fault { conversation_id, other_id, number: row.try_get(2)? })
    };
    client.query(sql, &[]).await?.iter().map(fault).collect()
}

/// Opens a connection without time-outs. Returns it, and the database's place for messages to the operator.
pub(super) async fn connect(url: &str) -> Result<(PgConnection, String)> {
    let connector = Connector::new(url, Arc::default())?;
    let place = format!("the database at {}", connector.address());
    let refused = |cause: String| Error::new(Code::Unavailable, format!("{place} cannot be used: {cause}"));
    connector.require_sessions().await.map_err(refused)?;
    let connection = connector.connect(Purpose::General).await.map_err(refused)?;
    connection.client().batch_execute(WITHOUT_TIMEOUTS).await.map_err(failed)?;
    Ok((connection, place))
}

/// Returns a failure with its cause, for the operator.
pub(super) fn failed(failure: Failure) -> Error {
    Error::new(Code::Unavailable, described(&failure))
}
