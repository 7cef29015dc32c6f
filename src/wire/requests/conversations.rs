//! Inputs of the operations on conversations.

use serde::Deserialize;

use super::PageLimit;
use crate::domain::{ConversationId, UserId};

/// `conversation.create`
#[derive(Deserialize)]
pub struct CreateConversation {
    /// Chosen by the client, which makes retries safe.
    pub id: Option<ConversationId>,
    /// `direct` or `group`.
    pub r#type: String,
    /// Only for a group.
    pub name: Option<String>,
    /// The other members. The creator can be among them.
    pub member_ids: Vec<UserId>,
}

/// `conversation.list`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ListConversations {
    /// The `next` of the previous page.
    pub cursor: Option<String>,
    #[serde(default)]
    pub limit: PageLimit,
}

/// `conversation.get`, `conversation.delete`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct OneConversation {
    pub conversation_id: ConversationId,
}

/// `conversation.leave`
#[derive(Deserialize)]
pub struct LeaveConversations {
    /// At most [`crate::limits::LEAVES_MAX`].
    pub conversation_ids: Vec<ConversationId>,
}

/// `conversation.update`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct UpdateConversation {
    pub conversation_id: ConversationId,
    pub name: String,
}
