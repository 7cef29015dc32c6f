//! Opens connections to a PostgreSQL server: to that of its hosts which takes writes.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{sleep, timeout};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Connection, Error as Failure, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connection::PgConnection;
use super::database_url::{DatabaseUrl, address};
use super::errors::described;
use super::session_check::have_own_sessions;
use super::timeline::timeline;
use crate::domain::Result;
use crate::limits;
use crate::store::HistoryGate;

/// TCP probes a connection on which the server sends nothing for this long.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// The server cancels a statement after this time, which is shorter than the store's own time-out, so that the store gets an answer and
/// the connection stays usable.
const STATEMENT_TIMEOUT: Duration = limits::QUERY_TIMEOUT.saturating_sub(Duration::from_millis(500));
/// The server gives up waiting for a lock after this time, which is shorter still. A transaction that holds a lock for longer hangs.
const LOCK_TIMEOUT: Duration = limits::QUERY_TIMEOUT.saturating_sub(Duration::from_secs(1));

/// The error behind a pooler that shares sessions.
const SHARED_SESSIONS: &str = "a pooler gives each transaction another session of PostgreSQL; let it keep one for each connection \
    (PgBouncer: pool_mode=session), or connect to PostgreSQL itself";

/// The use of a connection, on which its settings depend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// For reads, and for the writes that are not numbered.
    General,
    /// For the journal's batches.
    Journal,
    /// For LISTEN and NOTIFY.
    Notifications,
}

/// A connection that only moves while its owner polls it.
pub(super) type Undriven = Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// Opens connections to one server.
#[derive(Clone)]
pub(super) struct Connector {
    hosts: Arc<[Config]>,
    /// The host that took writes the last time.
    writable: Arc<AtomicUsize>,
    tls: MakeRustlsConnect,
    /// True if the tables of the database are distributed.
    pub(super) is_distributed: bool,
    /// Closed when a server with another history is reached.
    pub(super) gate: Arc<HistoryGate>,
}

impl Connector {
    /// Reads a `postgres://…` URL.
    pub(super) fn new(url: &str, gate: Arc<HistoryGate>) -> Result<Self> {
        let DatabaseUrl { mut hosts, tls } = DatabaseUrl::parse(url)?;
        for host in &mut hosts {
            host.ssl_mode(tls.mode())
                .application_name("chinwag")
                .connect_timeout(limits::CONNECT_TIMEOUT)
                .keepalives_idle(KEEPALIVE)
                .keepalives_interval(KEEPALIVE / 3)
                .keepalives_retries(3)
                .tcp_user_timeout(limits::QUERY_TIMEOUT);
        }
        Ok(Self { hosts: hosts.into(), writable: Arc::default(), tls: tls.connector()?, gate, is_distributed: false })
    }

    /// The server's hosts and ports, for messages to the operator. Without the password.
    pub(super) fn address(&self) -> String {
        self.hosts.iter().map(address).collect::<Vec<_>>().join(",")
    }

    /// Opens a connection. The error's text is for the log or the operator. Clients get the same error for every failure.
    pub(super) async fn connect(&self, purpose: Purpose) -> Result<PgConnection, String> {
        // In a box, because it is large, and every call that may connect would be as large.
        in_time(Box::pin(async {
            let connection = self.open().await?;
            let set_up = connection.client().batch_execute(&settings(purpose, self.is_distributed)).await;
            set_up.map(|()| connection).map_err(|failure| described(&failure))
        }))
        .await
    }

    /// Opens a connection that the caller drives and [sets up](settings), to the host that takes writes.
    pub(super) async fn connect_undriven(&self) -> Result<(Client, Undriven), String> {
        in_time(Box::pin(async {
            // Another connection finds that host. The caller admits this one by itself, because another server may answer there by now.
            drop(self.open().await?);
            let host = &self.hosts[self.writable.load(Ordering::Relaxed)];
            host.connect(self.tls.clone()).await.map_err(|failure| described(&failure))
        }))
        .await
    }

    /// Fails if connections have no sessions of their own. Sets nothing in the sessions, because they are those of other clients then.
    pub(super) async fn require_sessions(&self) -> Result<(), String> {
        in_time(async {
            let (one, other) = (self.open().await?, self.open().await?);
            match have_own_sessions([one.client(), other.client()]).await {
                Ok(true) => Ok(()),
                Ok(false) => Err(SHARED_SESSIONS.to_owned()),
                Err(failure) => Err(described(&failure)),
            }
        })
        .await
    }

    /// Opens a connection with the server's own settings. Tries the host that took writes the last time, and soon the others beside it, because
    /// one that has disappeared does not even refuse.
    async fn open(&self) -> Result<PgConnection, String> {
        let (first, count) = (self.writable.load(Ordering::Relaxed), self.hosts.len());
        let try_host = |place: usize| async move {
            if place > 0 {
                sleep(limits::POSTGRES_HOST_HEAD_START * u32::try_from(place).unwrap_or(u32::MAX)).await;
            }
            let index = (first + place) % count;
            (index, self.open_host(&self.hosts[index]).await)
        };
        let mut tries: FuturesUnordered<_> = (0..count).map(try_host).collect();
        let mut failures = Vec::new();
        while let Some((index, opened)) = tries.next().await {
            match opened {
                Ok(connection) => {
                    self.writable.store(index, Ordering::Relaxed);
                    return Ok(connection);
                }
                Err(failure) if count == 1 => return Err(failure),
                Err(failure) => failures.push(format!("{}: {failure}", address(&self.hosts[index]))),
            }
        }
        Err(failures.join("; "))
    }

    async fn open_host(&self, host: &Config) -> Result<PgConnection, String> {
        let opening = async {
            let (client, connection) = host.connect(self.tls.clone()).await?;
            let connection = PgConnection::new(client, connection, self.tls.clone(), &self.gate, self.is_distributed);
            let timeline = timeline(connection.client()).await?;
            Ok::<_, Failure>((connection, timeline))
        };
        let (mut connection, timeline) = opening.await.map_err(|failure| described(&failure))?;
        connection.belong_to(self.gate.admit(timeline)?);
        Ok(connection)
    }
}

/// Bounds the time that a handshake waits for the server. A paused server enforces none of its own time-outs, and `connect_timeout` bounds
/// only the TCP connect.
async fn in_time<T>(handshake: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    timeout(limits::CONNECT_TIMEOUT, handshake)
        .await
        .unwrap_or_else(|_| Err(format!("PostgreSQL: no answer within {:?}", limits::CONNECT_TIMEOUT)))
}

/// Returns the statements that set up a connection. They are sent after connecting, because a pooler between chinwag and PostgreSQL may
/// refuse such settings as start-up options.
pub(super) fn settings(purpose: Purpose, is_distributed: bool) -> String {
    let mut text = format!(
        "SET statement_timeout = {}; SET lock_timeout = {}; SET idle_in_transaction_session_timeout = {}; \
         SET synchronous_commit = on; SET timezone = 'UTC'; SET jit = off;",
        STATEMENT_TIMEOUT.as_millis(),
        LOCK_TIMEOUT.as_millis(),
        limits::QUERY_TIMEOUT.as_millis(),
    );
    match purpose {
        Purpose::General => {}
        Purpose::Notifications => text.push_str("SET synchronous_commit = off;"),
        // A batch needs only a few index look-ups for each row. One plan serves batches of every size. It must be good even if it was
        // made while the tables were empty, so that plans that read a whole table are ruled out.
        Purpose::Journal if !is_distributed => text.push_str(
            "SET plan_cache_mode = force_generic_plan; \
             SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;",
        ),
        // Citus finds the shard of a statement by the values of its parameters, which a generic plan does not have.
        Purpose::Journal => text.push_str("SET plan_cache_mode = force_custom_plan;"),
    }
    text
}
