//! Conversations with the state of one member.

use super::Seq;
use super::conversation::{Conversation, Role};
use super::message::Message;
use super::notifications::Notifications;
use super::user::User;

/// A conversation as one of its members sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ConversationView {
    pub conversation: Conversation,
    /// The other user of a direct conversation.
    pub peer: Option<User>,
    pub last_message: Option<Message>,
    /// The member's role.
    pub role: Role,
    /// The number up to which the member has read.
    pub read_seq: Seq,
    /// The member's own mark: messages from this number on count as unread.
    pub unread_from_seq: Option<Seq>,
    /// The number of messages of others after `read_seq`, or from `unread_from_seq` on, counted up to [`crate::limits::UNREAD_MAX`].
    pub unread_count: i64,
    /// Those of them that mention the member, counted up to the same bound.
    pub mention_count: i64,
    /// The rows that the store looked at for the two counts.
    pub rows_counted: i64,
    /// The member's choice, also if its time is over.
    pub notifications: Notifications,
}
