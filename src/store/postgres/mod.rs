//! The store in PostgreSQL.
//!
//! There are two kinds of connections: the journal and the node's lease own [lanes](lane), and all other calls take a connection from a [pool]. This adapter
//! bounds the time of every call, because a paused server, or a network that drops packets, enforces no time-out. A statement whose
//! caller goes is cancelled. A connection on which a request or a transaction is left open all the same (after a failure of the network or
//! a time-out) is never used again; see [`connection`].

use std::future::Future;
use std::iter;
use std::sync::Arc;

use async_trait::async_trait;
use bb8::Pool;

use self::connect::{Connector, Purpose};
use self::connection::Params;
use self::distribution::Distribution;
use self::lane::Lane;
use self::pool::{ConnectionManager, Lent};
use self::rows::Columns;
use super::{HistoryGate, Nodes, Opening, Store};
use crate::domain::{Code, Error, Result};
use crate::limits;

mod accounts;
mod apply;
mod apply_facts;
mod apply_load;
mod apply_writes;
mod blocks;
mod by_conversation;
mod by_user;
mod certificate_checks;
mod commit;
mod commit_function;
mod connect;
mod connection;
mod contacts;
mod conversations;
pub(super) mod copy_target;
mod counters;
mod database_url;
mod deletions;
pub(super) mod distribution;
mod errors;
mod heads;
mod known_networks;
mod lane;
mod leftovers;
mod member_settings;
mod members;
mod mentions;
mod message_index;
mod message_search;
mod messages;
mod migrate;
mod new_conversations;
mod nodes;
pub mod notifications;
mod numbered_writes;
mod pins;
mod pool;
mod public_key;
mod quotes;
mod reactions;
mod receipts;
mod registration;
mod reports;
mod rows;
mod saved;
mod session_check;
mod sessions;
pub(super) mod snapshot;
mod table_rows;
mod tickets;
mod timeline;
mod tls;
mod types;
mod user_conversations;
mod user_locks;
mod user_settings;
mod user_states;
mod users;

/// Returns true if the server takes writes. After a failover the old primary may not.
const WRITABLE: &str = "SELECT current_setting('transaction_read_only') = 'off'";

/// The store in PostgreSQL.
pub struct Postgres {
    pool: Pool<ConnectionManager>,
    connector: Connector,
    lanes: Vec<Lane>,
    /// Renews the node's lease: a node whose readers are all taken is busy, and not dead.
    lease_lane: Lane,
}

impl Postgres {
    /// Connects to the server at a `postgres://…` URL, and migrates the database.
    pub async fn open(url: &str) -> Result<Self> {
        Self::open_with(url, Opening::Migrate).await
    }

    /// Connects to the server at a `postgres://…` URL, and migrates or checks the database.
    pub(super) async fn open_with(url: &str, opening: Opening) -> Result<Self> {
        let mut connector = Connector::new(url, Arc::default())?;
        let refused = |cause: String| {
            Error::new(Code::Unavailable, format!("the database at {} cannot be used: {cause}", connector.address()))
        };
        connector.require_sessions().await.map_err(refused)?;
        let connection = connector.connect(Purpose::General).await.map_err(refused)?;
        let encoding = bounded(connection.rows("SELECT current_setting('server_encoding')", &[])).await?;
        let encoding: String = encoding.first().map(|row| Columns::of(row).next()).transpose()?.unwrap_or_default();
        if encoding != "UTF8" {
            return Err(refused(format!("its encoding is {encoding}; create it with ENCODING 'UTF8'")));
        }
        match opening {
            Opening::Migrate => migrate::migrate(connection.client()).await?,
            Opening::Existing => {
                let place = format!("the database at {}", connector.address());
                migrate::require_current(connection.client(), &place).await?;
            }
        }
        connector.is_distributed = match bounded(distribution::distribution(&connection)).await? {
            Distribution::None => false,
            Distribution::Complete => true,
            Distribution::Incomplete => {
                let detail = "its tables are not distributed as this version needs it; stop all servers, and run chinwag migrate --distribute";
                return Err(refused(detail.to_owned()));
            }
        };
        let lanes = iter::repeat_with(|| Lane::new(Purpose::Journal)).take(limits::POSTGRES_LANES).collect();
        let (pool, lease_lane) = (pool::build(connector.clone()), Lane::new(Purpose::General));
        Ok(Self { pool, connector, lanes, lease_lane })
    }

    /// Like [`PgConnection::form`](connection::PgConnection::form).
    fn form(&self, plain: &'static str, distributed: &'static str) -> &'static str {
        if self.connector.is_distributed { distributed } else { plain }
    }

    /// Takes a connection from the pool. The caller bounds the time.
    async fn connection(&self) -> Result<Lent> {
        Lent::from(&self.pool).await
    }

    /// Runs a statement. Returns all its rows.
    async fn all<T>(
        &self,
        sql: &'static str,
        params: Params<'_>,
        read: fn(&mut Columns<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        bounded(async { rows::all(&self.connection().await?.rows(sql, params).await?, read) }).await
    }

    /// Runs a statement that selects at most one row. Returns the row, if there is one.
    async fn one<T>(
        &self,
        sql: &'static str,
        params: Params<'_>,
        read: fn(&mut Columns<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        Ok(self.all(sql, params, read).await?.pop())
    }

    /// Runs a statement that changes rows. Returns the number of rows changed.
    async fn count(&self, sql: &'static str, params: Params<'_>) -> Result<u64> {
        bounded(async { self.connection().await?.count(sql, params).await }).await
    }

    fn lane(&self, lane: usize) -> Result<&Lane> {
        self.lanes.get(lane).ok_or_else(|| Error::internal(format!("there is no lane {lane}")))
    }
}

/// Bounds the time that `work` waits for the server. A time-out drops `work` in the middle: its statement is cancelled, or its connection is not used again.
async fn bounded<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(limits::QUERY_TIMEOUT, work).await.unwrap_or_else(|_| {
        Err(Error::unavailable(format!("PostgreSQL: no answer within {:?}", limits::QUERY_TIMEOUT)))
    })
}

#[async_trait]
impl Store for Postgres {
    fn kind(&self) -> &'static str {
        "postgres"
    }

    fn lanes(&self) -> usize {
        self.lanes.len()
    }

    fn is_distributed(&self) -> bool {
        self.connector.is_distributed
    }

    fn history_gate(&self) -> Option<Arc<HistoryGate>> {
        Some(Arc::clone(&self.connector.gate))
    }

    fn nodes(&self) -> Option<&dyn Nodes> {
        Some(self)
    }

    async fn ping(&self) -> Result<()> {
        match self.one(WRITABLE, &[], rows::value).await? {
            Some(true) => Ok(()),
            _ => Err(Error::unavailable("PostgreSQL is read-only")),
        }
    }
}
