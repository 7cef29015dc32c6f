//! The part of presence that deliveries use.

use crate::bus::NodePresence;
use crate::domain::user::Status;
use crate::domain::{ConversationId, UserId};

/// The presence that clients show, and what envelopes change in it.
pub trait PresenceChanges: Send + Sync {
    /// Returns a user's presence.
    fn status(&self, user_id: UserId) -> Status;

    /// `growth` users joined a conversation, or left it if the number is negative. The event was delivered.
    fn members_changed(&self, id: ConversationId, growth: i64);

    /// The first block between two users was made, or the last one ended.
    fn block_changed(&self, one: UserId, other: UserId);

    /// An event that was delivered shows a user as offline.
    fn shown_as_offline(&self, user_id: UserId);

    /// Another node told who is connected to it.
    fn node_presence(&self, presence: NodePresence);
}
