//! Tickets.

use async_trait::async_trait;

use super::Postgres;
use super::connection::Params;
use super::rows::Columns;
use crate::domain::session::{Caller, Ticket};
use crate::domain::{Result, TicketId, Timestamp, UserId};
use crate::limits;
use crate::store::{Tickets, queries};

/// at, limit. Skips tickets that another node is deleting, because two nodes that waited for each other's tickets would deadlock.
const SWEEP_TICKETS: &str = "DELETE FROM tickets WHERE id IN ( \
         SELECT id FROM tickets WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)";

/// user, at. The same for one user, on a distributed database. A login deletes those of all users there.
const SWEEP_TICKETS_OF: &str = "DELETE FROM tickets WHERE user_id = $1 AND id IN ( \
         SELECT id FROM tickets WHERE user_id = $1 AND expires_at <= $2 FOR UPDATE SKIP LOCKED)";
/// at, limit. Of all shards.
pub(super) const EXPIRED_TICKETS: &str =
    "SELECT user_id, id FROM tickets WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2";
/// user, id, at
pub(super) const DELETE_EXPIRED_TICKET: &str =
    "DELETE FROM tickets WHERE user_id = $1 AND id = $2 AND expires_at <= $3";

/// Reads a ticket's owner.
fn caller(columns: &mut Columns<'_>) -> Result<Caller> {
    Ok(Caller { user_id: columns.next()?, session_id: columns.next()?, expires_at: columns.next()? })
}

#[async_trait]
impl Tickets for Postgres {
    async fn insert_ticket(&self, ticket: &Ticket, at: Timestamp, at_most: i64) -> Result<bool> {
        let Ticket { id, caller, expires_at } = ticket;
        let (sweep, swept): (&str, Params<'_>) = if self.connector.is_distributed {
            (SWEEP_TICKETS_OF, &[&caller.user_id, &at])
        } else {
            (SWEEP_TICKETS, &[&at, &limits::TICKETS_SWEPT])
        };
        self.count(sweep, swept).await?;
        let params: Params<'_> =
            &[id, &caller.user_id, &caller.session_id, &caller.expires_at, expires_at, &at, &at_most];
        Ok(self.count(queries::tickets::INSERT_TICKET, params).await? > 0)
    }

    async fn redeem_ticket(&self, id: TicketId, user_id: Option<UserId>, at: Timestamp) -> Result<Option<Caller>> {
        match user_id {
            Some(user_id) => self.one(queries::tickets::REDEEM_TICKET, &[&id, &at, &user_id], caller).await,
            None => self.one(queries::tickets::REDEEM_TICKET_BY_ID, &[&id, &at], caller).await,
        }
    }
}
