//! Receipts: how far members have received and read, written in batches beside the numbered writes.

use async_trait::async_trait;

use crate::domain::receipt::{Receipt, ReceiptOutcome, ReceiptUpdate, UnreadState};
use crate::domain::{ConversationId, Result, UserId};

/// A user in a conversation.
pub type MemberId = (ConversationId, UserId);

/// The update of one member's receipts.
pub type MemberUpdate = (ConversationId, UserId, ReceiptUpdate);

/// The store's methods for receipts.
#[async_trait]
pub trait Receipts: Send + Sync {
    /// Returns the receipts of at most `limit` members as a reader sees them, in no order. Readers see all of their own. Those of a member with whom
    /// the reader has a block stay where the member joined.
    async fn receipts(&self, id: ConversationId, reader_id: UserId, limit: usize) -> Result<Vec<Receipt>>;

    /// Updates receipts by the rule of [`ReadState::after`](crate::domain::receipt::ReadState::after), in one transaction. Returns one outcome
    /// for each update, in the same order. The caller makes sure that no member stands twice in a batch.
    ///
    /// Takes no lock of a counter, and never waits for a member's row that another transaction holds, so that it delays no numbered write for
    /// longer than its own commit and cannot deadlock with one.
    async fn update_receipts(&self, batch: &[MemberUpdate]) -> Result<Vec<ReceiptOutcome>>;

    /// Returns what the devices of these users show, in no order. Users who are not members are left out. Counts up to
    /// [`crate::limits::UNREAD_SCANNED_MAX`] messages for each, so it is no part of a transaction that writes.
    async fn unread_states(&self, members: &[MemberId]) -> Result<Vec<(MemberId, UnreadState)>>;

    /// Returns each of these members with each other member of the conversation with whom they have a block, in no order.
    async fn blocked_members(&self, members: &[MemberId]) -> Result<Vec<(MemberId, UserId)>>;
}
