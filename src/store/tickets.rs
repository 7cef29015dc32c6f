//! Tickets: each opens one connection, once.

use async_trait::async_trait;

use crate::domain::session::{Caller, Ticket};
use crate::domain::{Result, TicketId, Timestamp};

/// Tickets.
#[async_trait]
pub trait Tickets: Send + Sync {
    /// Inserts a ticket, unless its user has `at_most` that are neither used nor expired at `at`. Returns true if it did. Deletes
    /// some expired tickets as well.
    async fn insert_ticket(&self, ticket: &Ticket, at: Timestamp, at_most: i64) -> Result<bool>;

    /// Deletes a ticket and returns its owner, unless it has expired at `at`. Of any number of calls, on whichever node, one
    /// gets the owner.
    async fn redeem_ticket(&self, id: TicketId, at: Timestamp) -> Result<Option<Caller>>;
}
