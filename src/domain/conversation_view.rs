//! Conversations as their members see them.

use super::Seq;
use super::conversation::{Conversation, Role};
use super::message::Message;
use super::user::User;

/// A conversation as one of its members sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversationView {
    /// The conversation itself.
    pub conversation: Conversation,
    /// The other person of a direct conversation.
    pub peer: Option<User>,
    /// The newest message.
    pub last_message: Option<Message>,
    /// This member's role.
    pub role: Role,
    /// Up to where this member has read.
    pub read_seq: Seq,
    /// How many messages of others come after `read_seq`; counted up to [`crate::limits::UNREAD_MAX`].
    pub unread_count: i64,
}
