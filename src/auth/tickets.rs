//! Tickets: leave to open one WebSocket, for clients that can name who they are only in its address.
//!
//! An address ends up in logs and histories. A token there would be good for minutes and for everything; a ticket is good
//! once, for one connection, and soon for nothing.

use super::Auth;
use crate::domain::session::{Caller, Ticket};
use crate::domain::{Code, Error, Result, TicketId, Timestamp};
use crate::limits;

impl Auth {
    /// A ticket for the caller. It is its id and a seal; the rest stands in the store, where the first to use it takes it
    /// away, on whichever node.
    pub async fn ticket(&self, caller: &Caller) -> Result<String> {
        let now = Timestamp::now();
        let ticket = Ticket { id: TicketId::new(), caller: *caller, expires_at: now.plus(limits::TICKET_TTL) };
        let at_most = if self.unlimited { i64::MAX } else { limits::TICKETS_PER_USER_MAX };
        if !self.store.insert_ticket(&ticket, now, at_most).await? {
            let refused = Error::new(Code::RateLimited, "Use the tickets that you have, or let them expire.");
            return Err(refused.after(limits::TICKET_TTL));
        }
        Ok(self.tokens.ticket(ticket.id))
    }

    /// Who a ticket lets in, which it does once.
    pub async fn redeem(&self, ticket: &str) -> Result<Caller> {
        let refused = || Error::new(Code::Unauthorized, "The ticket is not valid, or no longer.");
        let id = self.tokens.ticketed(ticket).ok_or_else(refused)?;
        let now = Timestamp::now();
        let caller = self.store.redeem_ticket(id, now).await?.ok_or_else(refused)?;
        if caller.expires_at <= now {
            return Err(Error::new(Code::TokenExpired, "The access token behind the ticket has expired."));
        }
        self.check_session(&caller).await?;
        Ok(caller)
    }
}
