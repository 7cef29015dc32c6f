//! Inputs of the operations on members.

use serde::Deserialize;

use super::PageLimit;
use crate::domain::{ConversationId, UserId};

/// `member.list`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ListMembers {
    pub conversation_id: ConversationId,
    /// The `next` of the previous page.
    pub cursor: Option<String>,
    #[serde(default)]
    pub limit: PageLimit,
}

/// `member.add`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct AddMember {
    pub conversation_id: ConversationId,
    pub user_id: UserId,
    /// By default `member`.
    pub role: Option<String>,
}

/// `member.update`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct UpdateMember {
    pub conversation_id: ConversationId,
    pub user_id: UserId,
    pub role: String,
}

/// `member.remove`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct RemoveMember {
    pub conversation_id: ConversationId,
    pub user_id: UserId,
}
