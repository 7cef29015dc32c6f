//! Tickets.

use async_trait::async_trait;

use super::Postgres;
use super::connection::Params;
use super::rows::Columns;
use crate::domain::session::{Caller, Ticket};
use crate::domain::{Result, TicketId, Timestamp};
use crate::limits;
use crate::store::{Tickets, queries};

/// at, limit. Skips tickets that another node is deleting, because two nodes that waited for each other's tickets would deadlock.
const SWEEP_TICKETS: &str = "DELETE FROM tickets WHERE id IN ( \
         SELECT id FROM tickets WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)";

/// Reads a ticket's owner.
fn caller(columns: &mut Columns<'_>) -> Result<Caller> {
    Ok(Caller { user_id: columns.next()?, session_id: columns.next()?, expires_at: columns.next()? })
}

#[async_trait]
impl Tickets for Postgres {
    async fn insert_ticket(&self, ticket: &Ticket, at: Timestamp, at_most: i64) -> Result<bool> {
        self.count(SWEEP_TICKETS, &[&at, &limits::TICKETS_SWEPT]).await?;
        let Ticket { id, caller, expires_at } = ticket;
        let params: Params<'_> =
            &[id, &caller.user_id, &caller.session_id, &caller.expires_at, expires_at, &at, &at_most];
        Ok(self.count(queries::tickets::INSERT_TICKET, params).await? > 0)
    }

    async fn redeem_ticket(&self, id: TicketId, at: Timestamp) -> Result<Option<Caller>> {
        self.one(queries::tickets::REDEEM_TICKET, &[&id, &at], caller).await
    }
}
