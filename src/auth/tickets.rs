//! Tickets: a client opens one WebSocket with a ticket if it can authenticate only in the URL.
//!
//! URLs end up in logs and histories. A token there would be valid for minutes and for all operations. A ticket is valid once, for one
//! connection, and expires after [`limits::TICKET_TTL`].

use super::Auth;
use crate::domain::session::{Caller, Ticket};
use crate::domain::{Code, Error, Result, TicketId, Timestamp};
use crate::limits;

impl Auth {
    /// Creates a ticket for the caller. The ticket is a signed id. Its caller and expiry are in the store, where the first use deletes it,
    /// on any node.
    pub async fn create_ticket(&self, caller: &Caller) -> Result<String> {
        let now = Timestamp::now();
        let ticket = Ticket { id: TicketId::new(), caller: *caller, expires_at: now.plus(limits::TICKET_TTL) };
        let at_most = if self.unlimited { i64::MAX } else { limits::TICKETS_PER_USER_MAX };
        if !self.store.insert_ticket(&ticket, now, at_most).await? {
            let refused =
                Error::new(Code::RateLimited, "You have too many unused tickets. Use them, or wait until they expire.");
            return Err(refused.after(limits::TICKET_TTL));
        }
        Ok(self.tokens.ticket(ticket.id, caller.user_id))
    }

    /// Deletes a ticket and returns its caller. A ticket can be redeemed once.
    pub async fn redeem(&self, ticket: &str) -> Result<Caller> {
        let refused = || Error::new(Code::Unauthorized, "The ticket is not valid or was used before.");
        let (id, user_id) = self.tokens.parse_ticket(ticket).ok_or_else(refused)?;
        let now = Timestamp::now();
        let caller = self.store.redeem_ticket(id, user_id, now).await?.ok_or_else(refused)?;
        if caller.expires_at <= now {
            return Err(Error::new(Code::TokenExpired, "The access token that created the ticket has expired."));
        }
        self.check_session(&caller).await?;
        Ok(caller)
    }
}
