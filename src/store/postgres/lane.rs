//! A lane: the connection that commits the batches of one share of the conversations.

use tokio::sync::{Mutex, MutexGuard};

use super::connect::{Connector, Purpose};
use super::connection::PgConnection;
use crate::domain::{Error, Result};

/// A lane's connection. It is opened at the first use, and again after it was lost.
#[derive(Default)]
pub(super) struct Lane(Mutex<Option<PgConnection>>);

/// The right to use a lane, and its connection. The connection is dropped unless it is [kept](Leased::keep), because a caller that gave
/// up in the middle, by a failure or a time-out, leaves it in an unknown state.
pub(super) struct Leased<'a> {
    slot: MutexGuard<'a, Option<PgConnection>>,
    pub(super) connection: PgConnection,
}

impl Lane {
    /// Waits for the lane, and opens its connection if there is no usable one.
    pub(super) async fn lease(&self, connector: &Connector) -> Result<Leased<'_>> {
        let mut slot = self.0.lock().await;
        let connection = match slot.take().filter(PgConnection::is_usable) {
            Some(connection) => connection,
            None => connector.connect(Purpose::Journal).await.map_err(Error::unavailable)?,
        };
        Ok(Leased { slot, connection })
    }
}

impl Leased<'_> {
    /// Gives the connection back to the lane, if it is usable.
    pub(super) fn keep(mut self) {
        if self.connection.is_usable() {
            *self.slot = Some(self.connection);
        }
    }
}
