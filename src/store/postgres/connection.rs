//! PgConnection: one connection to PostgreSQL. (A `Connection` without `Pg` is a client's WebSocket.)

use std::collections::HashMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Connection, Error as Failure, Row, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::errors::{described, keeps_connection, to_domain_error};
use crate::domain::{Error, Result};
use crate::limits;
use crate::store::HistoryGate;

/// A statement's parameters.
pub(super) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// One connection to PostgreSQL, its prepared statements, and the count by which the store knows if it can be used again.
pub(super) struct PgConnection {
    client: Client,
    /// Connects to cancel statements.
    tls: MakeRustlsConnect,
    driver: JoinHandle<()>,
    statements: Mutex<HashMap<&'static str, Statement>>,
    /// The number of times that the connection was taken for use.
    uses: AtomicUsize,
    /// The number of requests without an answer, plus one for a transaction that has not ended. A caller that gives up in the middle
    /// leaves the count above zero, and such a connection is not used again unless [`PgConnection::settle`] succeeds.
    open: AtomicUsize,
    in_transaction: AtomicBool,
    /// True if the tables of the database are distributed.
    is_distributed: bool,
    /// True after a failure for which only another connection helps.
    has_failed: AtomicBool,
    /// True after a commit that a synchronous standby may not have.
    is_unreplicated: Arc<AtomicBool>,
    gate: Arc<HistoryGate>,
    /// The generation of the history to which the connection's server belongs.
    generation: u64,
    answered_at: Mutex<Instant>,
}

impl PgConnection {
    /// Starts the task that drives the connection, and owns it.
    pub(super) fn new<S, T>(
        client: Client,
        connection: Connection<S, T>,
        tls: MakeRustlsConnect,
        gate: &Arc<HistoryGate>,
        is_distributed: bool,
    ) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let is_unreplicated = Arc::<AtomicBool>::default();
        let driver = tokio::spawn(drive(connection, Arc::clone(&is_unreplicated)));
        Self {
            client,
            tls,
            driver,
            statements: Mutex::default(),
            uses: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            in_transaction: AtomicBool::new(false),
            is_distributed,
            has_failed: AtomicBool::new(false),
            is_unreplicated,
            gate: Arc::clone(gate),
            generation: gate.generation(),
            answered_at: Mutex::new(Instant::now()),
        }
    }

    /// The client, for requests that need neither a prepared statement nor the count of open requests.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Returns true if the tables of the database are distributed. Then a statement that locks rows, or joins in a way that Citus does not know,
    /// names its conversation by a value.
    pub(super) fn is_distributed(&self) -> bool {
        self.is_distributed
    }

    /// Returns the form of a statement for this database. Both forms take the same parameters.
    pub(super) fn form(&self, plain: &'static str, distributed: &'static str) -> &'static str {
        if self.is_distributed { distributed } else { plain }
    }

    /// Notes the generation of the history to which the connection's server belongs.
    pub(super) fn belong_to(&mut self, generation: u64) {
        self.generation = generation;
    }

    /// Returns true if the connection is open, no request is without an answer, no transaction is without its end, and no other server has
    /// taken over.
    pub(super) fn is_usable(&self) -> bool {
        self.open.load(Ordering::Relaxed) == 0 && !self.client.is_closed() && self.generation == self.gate.generation()
    }

    /// The time since the server's last answer.
    pub(super) fn idle_time(&self) -> Duration {
        self.answered_at.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Prepares those statements that are not prepared yet.
    pub(super) async fn prepare(&self, all: &[&'static str]) -> Result<()> {
        for sql in all {
            if self.statement(sql).is_none() {
                let statement = self.track(self.client.prepare(sql)).await?;
                self.statements.lock().unwrap_or_else(PoisonError::into_inner).insert(sql, statement);
            }
        }
        Ok(())
    }

    /// Counts a use of the connection. Whenever the number has doubled, PostgreSQL forgets the plans of the prepared statements. It keeps a plan until
    /// it counts the table's rows again, which takes a minute, and a plan that was made while the table was nearly empty may find a row by reading
    /// all rows of a conversation.
    pub(super) async fn begin_use(&self) -> Result<()> {
        let uses = self.uses.fetch_add(1, Ordering::Relaxed);
        if uses.is_power_of_two() { self.track(self.client.batch_execute("DISCARD PLANS")).await } else { Ok(()) }
    }

    /// Runs a statement. Returns its rows.
    pub(super) async fn rows(&self, sql: &'static str, params: Params<'_>) -> Result<Vec<Row>> {
        self.prepare(&[sql]).await?;
        self.send(sql, params).await
    }

    /// Runs a statement. Returns the number of rows that it changed.
    pub(super) async fn count(&self, sql: &'static str, params: Params<'_>) -> Result<u64> {
        self.prepare(&[sql]).await?;
        self.send_count(sql, params).await
    }

    /// Like [`PgConnection::rows`], for pipelines. The request is sent when the future is first polled, so that joined futures take one
    /// round trip, in their order. The statement must be prepared already, because a request that prepares it first would be sent late.
    pub(super) async fn send(&self, sql: &'static str, params: Params<'_>) -> Result<Vec<Row>> {
        let statement = self.statement(sql).ok_or_else(|| unprepared(sql))?;
        self.track(self.client.query(&statement, params)).await
    }

    /// Like [`PgConnection::count`], for pipelines.
    pub(super) async fn send_count(&self, sql: &'static str, params: Params<'_>) -> Result<u64> {
        let statement = self.statement(sql).ok_or_else(|| unprepared(sql))?;
        self.track(self.client.execute(&statement, params)).await
    }

    /// Starts a transaction. The connection counts as in use until [`PgConnection::commit`] or [`PgConnection::rollback`] is
    /// answered.
    pub(super) async fn begin(&self) -> Result<()> {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.in_transaction.store(true, Ordering::Relaxed);
        self.track(self.client.batch_execute("BEGIN")).await
    }

    /// Commits the transaction. After a failure within it PostgreSQL rolls back and reports a success. The caller therefore checks the
    /// results of the statements first.
    pub(super) async fn commit(&self) -> Result<()> {
        self.track(self.client.batch_execute("COMMIT")).await?;
        self.end_transaction();
        Ok(())
    }

    /// Rolls the transaction back.
    pub(super) async fn rollback(&self) -> Result<()> {
        self.track(self.client.batch_execute("ROLLBACK")).await?;
        self.end_transaction();
        Ok(())
    }

    fn end_transaction(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        self.in_transaction.store(false, Ordering::Relaxed);
    }

    /// Returns true if a caller went before the answer to a statement outside of a transaction. The server still works on the statement: see
    /// [`PgConnection::settle`].
    pub(super) fn can_be_settled(&self) -> bool {
        self.open.load(Ordering::Relaxed) > 0
            && !self.in_transaction.load(Ordering::Relaxed)
            && !self.has_failed.load(Ordering::Relaxed)
            && !self.client.is_closed()
            // The server cancels a statement by itself after a while. If it has not, it does not answer.
            && self.idle_time() < limits::QUERY_TIMEOUT
    }

    /// Returns true if a caller went before the answer to a statement, in a transaction or outside of one.
    pub(super) fn is_waiting(&self) -> bool {
        let unended = usize::from(self.in_transaction.load(Ordering::Relaxed));
        self.open.load(Ordering::Relaxed) > unended
            && !self.has_failed.load(Ordering::Relaxed)
            && !self.client.is_closed()
    }

    /// Ends the statements whose caller has gone: waits for a moment, then cancels them. Only after the first the connection can be used
    /// again: the server does not tell when it has carried out a cancellation, so a late one could hit the next caller's statement. The caller
    /// bounds the time.
    pub(super) async fn settle(&self) {
        // Answers come in order: that of the probe is the last one.
        match timeout(limits::ABANDONED_STATEMENT_GRACE, self.probe()).await {
            Ok(Ok(())) => self.open.store(0, Ordering::Relaxed),
            Ok(Err(_)) => {}
            Err(_) => self.cancel().await,
        }
    }

    /// Asks the server to cancel what it does for this connection. Without that it ends a statement when its time is over, and a commit that
    /// waits for a synchronous standby never.
    pub(super) async fn cancel(&self) {
        // The server does not say if it did.
        let _ = self.client.cancel_token().cancel_query(self.tls.clone()).await;
    }

    /// Sends an empty query, which a live server answers.
    pub(super) async fn probe(&self) -> Result<()> {
        self.track(self.client.batch_execute("")).await
    }

    /// Counts a request as open until it is answered. After a failure that makes the connection unusable, the request stays counted.
    async fn track<T>(&self, request: impl Future<Output = Result<T, Failure>>) -> Result<T> {
        self.open.fetch_add(1, Ordering::Relaxed);
        let result = request.await;
        if self.is_unreplicated.load(Ordering::Relaxed) {
            self.has_failed.store(true, Ordering::Relaxed);
            return Err(Error::unavailable("PostgreSQL: a synchronous standby may lack what was committed"));
        }
        if result.as_ref().err().is_none_or(keeps_connection) {
            self.open.fetch_sub(1, Ordering::Relaxed);
            *self.answered_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        } else {
            self.has_failed.store(true, Ordering::Relaxed);
        }
        result.map_err(to_domain_error)
    }

    fn statement(&self, sql: &'static str) -> Option<Statement> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner).get(sql).cloned()
    }
}

/// The function of PostgreSQL from which the warning comes that a commit no longer waits for its synchronous standby. Its text can be in any
/// language.
const WAIT_FOR_STANDBY: &str = "SyncRepWaitForLSN";

/// Drives a connection. When a commit waits for a synchronous standby and somebody cancels the wait, PostgreSQL warns, and then reports a
/// success. The warning is noted before the success is passed on.
async fn drive<S, T>(mut connection: Connection<S, T>, is_unreplicated: Arc<AtomicBool>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        match message {
            Ok(AsyncMessage::Notice(notice)) if notice.routine() == Some(WAIT_FOR_STANDBY) => {
                is_unreplicated.store(true, Ordering::Relaxed);
            }
            Ok(_) => {}
            // Callers that wait for an answer get the failure from the client. If none waits, an idle connection was closed.
            Err(failure) => {
                tracing::debug!(failure = described(&failure), "a connection to PostgreSQL was lost");
                return;
            }
        }
    }
}

fn unprepared(sql: &str) -> Error {
    Error::internal(format!("the statement is not prepared: {sql}"))
}

impl fmt::Debug for PgConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgConnection").field("open", &self.open).finish_non_exhaustive()
    }
}

impl Drop for PgConnection {
    /// Ends the driver's task. It would otherwise run until the server has answered every request whose caller gave up.
    fn drop(&mut self) {
        self.driver.abort();
    }
}
