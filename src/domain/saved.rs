//! Saved messages: what a user keeps for later. Nobody else sees it.

use super::message::Message;
use super::{ConversationId, MessageId, Timestamp};

/// A message that a user has saved. A message's id is unique in its conversation alone, so both ids name it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct SavedMessage {
    pub conversation_id: ConversationId,
    pub message_id: MessageId,
    pub saved_at: Timestamp,
    /// The message as it is now. `None` if it is deleted, or if the user is not in its conversation.
    pub message: Option<Message>,
}

impl SavedMessage {
    /// Returns its position in the list, which is sorted by it.
    pub fn position(&self) -> SavedPosition {
        (self.saved_at, self.conversation_id, self.message_id)
    }
}

/// A position in the list of a user's saved messages.
pub type SavedPosition = (Timestamp, ConversationId, MessageId);

/// The facts that decide if a user can save a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct SaveFacts {
    pub is_member: bool,
    pub is_saved: bool,
    /// The user's saved messages.
    pub count: i64,
    /// The message, if there is one.
    pub message: Option<MessageFacts>,
}

/// The facts of a message that decide if it can be saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct MessageFacts {
    pub is_system: bool,
    pub is_deleted: bool,
}
