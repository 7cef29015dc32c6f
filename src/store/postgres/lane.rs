//! A lane: a connection that one kind of work has for itself. The batches of each share of the conversations have one, and so has the node's lease.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

use super::connect::{Connector, Purpose};
use super::connection::PgConnection;
use crate::domain::{Error, Result};
use crate::limits;

/// A lane's connection. It is opened at the first use, and again after it was lost.
pub(super) struct Lane {
    purpose: Purpose,
    slot: Mutex<Option<Arc<PgConnection>>>,
}

/// The right to use a lane, and its connection. The connection is dropped unless it is [kept](Leased::keep), because a caller that gave
/// up in the middle, by a failure or a time-out, leaves it in an unknown state.
pub(super) struct Leased<'a> {
    slot: MutexGuard<'a, Option<Arc<PgConnection>>>,
    pub(super) connection: Arc<PgConnection>,
}

impl Lane {
    /// Returns a lane that is not connected yet.
    pub(super) fn new(purpose: Purpose) -> Self {
        Self { purpose, slot: Mutex::default() }
    }

    /// Waits for the lane, and opens its connection if there is no usable one.
    pub(super) async fn lease(&self, connector: &Connector) -> Result<Leased<'_>> {
        let mut slot = self.slot.lock().await;
        let connection = match slot.take().filter(|connection| connection.is_usable()) {
            Some(connection) => connection,
            None => Arc::new(connector.connect(self.purpose).await.map_err(Error::unavailable)?),
        };
        connection.begin_use().await?;
        Ok(Leased { slot, connection })
    }
}

impl Leased<'_> {
    /// Gives the connection back to the lane, if it is usable.
    pub(super) fn keep(mut self) {
        if self.connection.is_usable() {
            *self.slot = Some(Arc::clone(&self.connection));
        }
    }
}

impl Drop for Leased<'_> {
    /// Cancels what a caller has given up. A commit that waits for a synchronous standby would otherwise keep its connection and its locks until
    /// the standby is back, and each retry would add another one. Without a runtime the process ends, and the connection with it.
    fn drop(&mut self) {
        if self.connection.is_waiting()
            && let Ok(runtime) = Handle::try_current()
        {
            let connection = Arc::clone(&self.connection);
            runtime.spawn(async move { timeout(limits::ABANDONED_STATEMENT_TIMEOUT, connection.cancel()).await });
        }
    }
}
