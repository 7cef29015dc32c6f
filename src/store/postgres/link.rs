//! A link: one connection to PostgreSQL. (A connection, in this house, is a WebSocket.)

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Connection, Error as Failure, Row, Statement};

use super::errors::{spares_the_link, told};
use crate::domain::{Error, Result};

/// A statement's parameters.
pub(super) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// One connection to PostgreSQL, its prepared statements, and whether it is still good.
pub(super) struct Link {
    client: Client,
    driver: JoinHandle<()>,
    statements: Mutex<HashMap<&'static str, Statement>>,
    /// Requests without an answer, and a transaction without its end. Whoever gives up in the middle leaves the count above
    /// zero, and a link with that is never used again.
    open: AtomicUsize,
    answered_at: Mutex<Instant>,
}

impl Link {
    /// Owns the task that drives the connection.
    pub(super) fn new<S, T>(client: Client, connection: Connection<S, T>) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let driver = tokio::spawn(async move {
            // Its failure is told to whoever waits for an answer; without anybody, it is only a link that is closed.
            if let Err(failure) = connection.await {
                tracing::debug!(failure = super::errors::described(&failure), "a link to PostgreSQL is lost");
            }
        });
        Self {
            client,
            driver,
            statements: Mutex::default(),
            open: AtomicUsize::new(0),
            answered_at: Mutex::new(Instant::now()),
        }
    }

    /// For what needs neither a prepared statement nor the count of open requests.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Whether nothing is left open on it.
    pub(super) fn is_usable(&self) -> bool {
        self.open.load(Ordering::Relaxed) == 0 && !self.client.is_closed()
    }

    /// How long ago the server last said something.
    pub(super) fn silence(&self) -> Duration {
        self.answered_at.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Prepares what is not yet.
    pub(super) async fn prepare(&self, all: &[&'static str]) -> Result<()> {
        for sql in all {
            if self.statement(sql).is_none() {
                let statement = self.answer(self.client.prepare(sql)).await?;
                self.statements.lock().unwrap_or_else(PoisonError::into_inner).insert(sql, statement);
            }
        }
        Ok(())
    }

    /// Runs a statement.
    pub(super) async fn rows(&self, sql: &'static str, params: Params<'_>) -> Result<Vec<Row>> {
        self.prepare(&[sql]).await?;
        self.send(sql, params).await
    }

    /// Runs a statement and returns how many rows it touched.
    pub(super) async fn count(&self, sql: &'static str, params: Params<'_>) -> Result<u64> {
        self.prepare(&[sql]).await?;
        self.send_count(sql, params).await
    }

    /// Like [`Link::rows`], for pipelines: the request is sent when the future is first polled, so that futures joined together are
    /// one round trip in their order. The statement must be prepared, or it would be late.
    pub(super) async fn send(&self, sql: &'static str, params: Params<'_>) -> Result<Vec<Row>> {
        let statement = self.statement(sql).ok_or_else(|| unprepared(sql))?;
        self.answer(self.client.query(&statement, params)).await
    }

    /// Like [`Link::count`], for pipelines.
    pub(super) async fn send_count(&self, sql: &'static str, params: Params<'_>) -> Result<u64> {
        let statement = self.statement(sql).ok_or_else(|| unprepared(sql))?;
        self.answer(self.client.execute(&statement, params)).await
    }

    /// Starts a transaction; until [`Link::commit`] or [`Link::rollback`] is answered the link counts as in use.
    pub(super) async fn begin(&self) -> Result<()> {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.answer(self.client.batch_execute("BEGIN")).await
    }

    /// Ends the transaction. After a failure within it PostgreSQL rolls back and calls that a success: look at the statements'
    /// own answers first.
    pub(super) async fn commit(&self) -> Result<()> {
        self.answer(self.client.batch_execute("COMMIT")).await?;
        self.open.fetch_sub(1, Ordering::Relaxed);
        Ok(())
    }

    /// Gives the transaction up.
    pub(super) async fn rollback(&self) -> Result<()> {
        self.answer(self.client.batch_execute("ROLLBACK")).await?;
        self.open.fetch_sub(1, Ordering::Relaxed);
        Ok(())
    }

    /// Asks the server whether it is there.
    pub(super) async fn probe(&self) -> Result<()> {
        self.answer(self.client.batch_execute("")).await
    }

    async fn answer<T>(&self, request: impl Future<Output = Result<T, Failure>>) -> Result<T> {
        self.open.fetch_add(1, Ordering::Relaxed);
        let answer = request.await;
        if answer.as_ref().err().is_none_or(spares_the_link) {
            self.open.fetch_sub(1, Ordering::Relaxed);
            *self.answered_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
        answer.map_err(told)
    }

    fn statement(&self, sql: &'static str) -> Option<Statement> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner).get(sql).cloned()
    }
}

fn unprepared(sql: &str) -> Error {
    Error::internal(format!("not prepared: {sql}"))
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("open", &self.open).finish_non_exhaustive()
    }
}

impl Drop for Link {
    /// The driver would otherwise go on until the server has answered everything that nobody waits for any more.
    fn drop(&mut self) {
        self.driver.abort();
    }
}
