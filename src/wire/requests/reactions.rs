//! Inputs of the operations on reactions.

use serde::Deserialize;

use super::PageLimit;
use crate::domain::{ConversationId, MessageId};

/// `reaction.add`, `reaction.remove`, `reaction.clear`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct React {
    pub conversation_id: ConversationId,
    pub message_id: MessageId,
    pub emoji: String,
}

/// `reaction.list`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ListReactions {
    pub conversation_id: ConversationId,
    pub message_id: MessageId,
    /// Lists the reactions with this emoji alone.
    pub emoji: Option<String>,
    /// The `next` of the previous page.
    pub cursor: Option<String>,
    #[serde(default)]
    pub limit: PageLimit,
}
