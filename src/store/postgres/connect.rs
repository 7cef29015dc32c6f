//! Reads the URL of a PostgreSQL server, and opens connections to it.

use std::future::Future;
use std::time::Duration;

use tokio_postgres::config::{Host, TargetSessionAttrs};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Connection, Error as Failure, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connection::PgConnection;
use super::errors::described;
use super::session_check::have_own_sessions;
use super::tls::Tls;
use crate::domain::{Code, Error, Result};
use crate::limits;

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
    config: Config,
    tls: MakeRustlsConnect,
    /// True if the tables of the database are distributed.
    pub(super) is_distributed: bool,
}

impl Connector {
    /// Reads a `postgres://…` URL.
    pub(super) fn new(url: &str) -> Result<Self> {
        let refuse = |detail: String| Error::new(Code::Invalid, detail);
        let (rest, tls) = without_sslmode(url);
        let tls = tls
            .map_or(Some(Tls::Prefer), Tls::parse)
            .ok_or_else(|| refuse("sslmode takes disable, prefer, require, verify-ca or verify-full".to_owned()))?;
        let mut config: Config = rest.parse().map_err(|failure| {
            // After an unescaped "@" in the password, the cause would cite the rest of the password as the host.
            let cause = if url.matches('@').count() > 1 {
                "write an @ in the password as %40".to_owned()
            } else {
                described(&failure)
            };
            refuse(format!("not a PostgreSQL URL: {cause}"))
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(refuse("not a PostgreSQL URL: it names no host".to_owned()));
        }
        config
            .ssl_mode(tls.mode())
            .application_name("chinwag")
            .connect_timeout(limits::CONNECT_TIMEOUT)
            .keepalives_idle(KEEPALIVE)
            .keepalives_interval(KEEPALIVE / 3)
            .keepalives_retries(3)
            .tcp_user_timeout(limits::QUERY_TIMEOUT)
            // Of several hosts, chooses the one that takes writes. After a failover that is never the old primary.
            .target_session_attrs(TargetSessionAttrs::ReadWrite);
        Ok(Self { config, tls: tls.connector()?, is_distributed: false })
    }

    /// The server's hosts and ports, for messages to the operator. Without the password.
    pub(super) fn address(&self) -> String {
        let hosts = self.config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        });
        let hosts: Vec<String> = hosts.chain(self.config.get_hostaddrs().iter().map(ToString::to_string)).collect();
        let ports: Vec<String> = self.config.get_ports().iter().map(|port| format!(":{port}")).collect();
        format!("{}{}", hosts.join(","), ports.join(","))
    }

    /// Opens a connection. The error's text is for the log or the operator. Clients get the same error for every failure.
    pub(super) async fn connect(&self, purpose: Purpose) -> Result<PgConnection, String> {
        // In a box, because it is large, and every call that may connect would be as large.
        in_time(Box::pin(async {
            let connection = self.open().await.map_err(|failure| described(&failure))?;
            let set_up = connection.client().batch_execute(&settings(purpose, self.is_distributed)).await;
            set_up.map(|()| connection).map_err(|failure| described(&failure))
        }))
        .await
    }

    /// Opens a connection that the caller drives and [sets up](settings).
    pub(super) async fn connect_undriven(&self) -> Result<(Client, Undriven), String> {
        in_time(async { self.config.connect(self.tls.clone()).await.map_err(|failure| described(&failure)) }).await
    }

    /// Fails if connections have no sessions of their own. Sets nothing in the sessions, because they are those of other clients then.
    pub(super) async fn require_sessions(&self) -> Result<(), String> {
        let check = async {
            let (one, other) = (self.open().await?, self.open().await?);
            have_own_sessions([one.client(), other.client()]).await
        };
        in_time(async {
            match check.await {
                Ok(true) => Ok(()),
                Ok(false) => Err(SHARED_SESSIONS.to_owned()),
                Err(failure) => Err(described(&failure)),
            }
        })
        .await
    }

    /// Opens a connection with the server's own settings.
    async fn open(&self) -> Result<PgConnection, Failure> {
        let (client, connection) = self.config.connect(self.tls.clone()).await?;
        Ok(PgConnection::new(client, connection, self.tls.clone(), self.is_distributed))
    }
}

/// Bounds the time that a handshake waits for the server. A paused server enforces none of its own time-outs, and `connect_timeout` bounds
/// only the TCP connect.
async fn in_time<T>(handshake: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    tokio::time::timeout(limits::CONNECT_TIMEOUT, handshake)
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

/// Splits the `sslmode` off a URL, because tokio-postgres does not know `verify-full`. Returns the rest of the URL and the `sslmode`.
fn without_sslmode(url: &str) -> (String, Option<&str>) {
    let after_credentials = url.find('@').map_or(0, |at| at + 1);
    let Some(query_start) = url[after_credentials..].find('?') else { return (url.to_owned(), None) };
    let (base, query) = url.split_at(after_credentials + query_start);
    let mut sslmode = None;
    let mut rest = Vec::new();
    for pair in query[1..].split('&') {
        match pair.strip_prefix("sslmode=") {
            Some(value) => sslmode = Some(value),
            None => rest.push(pair),
        }
    }
    let rest = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
    (rest, sslmode)
}

#[cfg(test)]
mod tests {
    use super::{Connector, without_sslmode};
    use crate::domain::Code;

    #[test]
    fn sslmode_is_split_off_the_url() {
        assert_eq!(without_sslmode("postgres://h/d"), ("postgres://h/d".to_owned(), None));
        assert_eq!(
            without_sslmode("postgres://u:p?q@h/d?a=1&sslmode=verify-full&b=2"),
            ("postgres://u:p?q@h/d?a=1&b=2".to_owned(), Some("verify-full"))
        );
        assert_eq!(without_sslmode("postgres://h/d?sslmode=disable"), ("postgres://h/d".to_owned(), Some("disable")));
    }

    #[test]
    fn errors_about_bad_urls_do_not_contain_the_password() {
        for bad in [
            "postgres://u:s3cret@h/d?sslmode=maybe",
            "postgres://u:s3cret@h:x/d",
            "mysql://u:s3cret@h",
            "postgres://u:s3@cret?x=y@h/d",
        ] {
            let error = Connector::new(bad).err().expect(bad);
            assert_eq!(error.code, Code::Invalid, "{bad}");
            assert!(!error.detail.contains("cret"), "{error}");
        }
        let address = Connector::new("postgres://u:s3cret@example.org:5433/d").map(|connector| connector.address());
        assert_eq!(address, Ok("example.org:5433".to_owned()));
    }
}
