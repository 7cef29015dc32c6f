//! Tickets. A client opens one connection with a ticket, once.

use async_trait::async_trait;

use crate::domain::session::{Caller, Ticket};
use crate::domain::{Result, TicketId, Timestamp, UserId};

/// The store's methods for tickets.
#[async_trait]
pub trait Tickets: Send + Sync {
    /// Inserts a ticket. Returns false, and inserts nothing, if its user has `at_most` tickets that are neither used nor expired at
    /// `at`. Deletes some expired tickets as well.
    async fn insert_ticket(&self, ticket: &Ticket, at: Timestamp, at_most: i64) -> Result<bool>;

    /// Deletes a ticket and returns its owner, unless it has expired at `at`. Of any number of calls, on all nodes, only one gets the
    /// owner. A distributed database asks all its servers if `user_id`, the owner, is none.
    async fn redeem_ticket(&self, id: TicketId, user_id: Option<UserId>, at: Timestamp) -> Result<Option<Caller>>;
}
