//! Tickets.

use async_trait::async_trait;
use rusqlite::params;

use super::Sqlite;
use super::rows::Columns;
use super::sql::{one, run, sql};
use crate::domain::session::{Caller, Ticket};
use crate::domain::{Result, TicketId, Timestamp, UserId};
use crate::limits;
use crate::store::{Tickets, queries};

/// at, limit
const SWEEP_TICKETS: &str =
    "DELETE FROM tickets WHERE id IN (SELECT id FROM tickets WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)";

/// Reads a ticket's owner.
fn caller(columns: &mut Columns<'_>) -> rusqlite::Result<Caller> {
    Ok(Caller { user_id: columns.next()?, session_id: columns.next()?, expires_at: columns.next()? })
}

#[async_trait]
impl Tickets for Sqlite {
    async fn insert_ticket(&self, ticket: &Ticket, at: Timestamp, at_most: i64) -> Result<bool> {
        let Ticket { id, caller, expires_at } = ticket.clone();
        self.write(move |db| {
            run(db, SWEEP_TICKETS, params![at, limits::TICKETS_SWEPT])?;
            let row = params![id, caller.user_id, caller.session_id, caller.expires_at, expires_at, at, at_most];
            Ok(run(db, sql!(queries::tickets::INSERT_TICKET), row)? > 0)
        })
        .await
    }

    async fn redeem_ticket(&self, id: TicketId, user_id: Option<UserId>, at: Timestamp) -> Result<Option<Caller>> {
        self.write(move |db| match user_id {
            Some(user_id) => one(db, sql!(queries::tickets::REDEEM_TICKET), params![id, at, user_id], caller),
            None => one(db, sql!(queries::tickets::REDEEM_TICKET_BY_ID), params![id, at], caller),
        })
        .await
    }
}
