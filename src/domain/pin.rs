//! Pins: messages that a conversation keeps in view.

use super::message::Message;
use super::{Timestamp, UserId};

/// A pinned message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Pin {
    pub message: Message,
    /// The user who pinned it.
    pub user_id: UserId,
    pub pinned_at: Timestamp,
}
