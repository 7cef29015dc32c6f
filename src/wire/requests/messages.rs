//! Inputs of the operations on messages, and of their search and receipts.

use serde::Deserialize;

use super::{PageLimit, SeqInput};
use crate::domain::{ConversationId, MessageId};

/// `message.list`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ListMessages {
    pub conversation_id: ConversationId,
    /// Asks for the newest messages before this number.
    pub before_seq: Option<SeqInput>,
    /// Asks for the oldest messages after this number.
    pub after_seq: Option<SeqInput>,
    /// Asks for half of the messages before this number and half from it on.
    pub around_seq: Option<SeqInput>,
    #[serde(default)]
    pub limit: PageLimit,
}

/// `message.search`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct SearchMessages {
    /// Words, phrases and filters.
    pub q: String,
    /// Searches in this conversation alone.
    pub conversation_id: Option<ConversationId>,
    /// The `next` of the previous page.
    pub cursor: Option<String>,
    #[serde(default)]
    pub limit: PageLimit,
}

/// `message.send`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct SendMessage {
    pub conversation_id: ConversationId,
    /// Chosen by the client, which makes retries safe.
    pub id: Option<MessageId>,
    pub content: String,
    /// Only `text` is supported.
    pub r#type: Option<String>,
    /// The message that it answers.
    pub reply_to: Option<MessageId>,
}

/// `message.read`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ReadMessages {
    pub conversation_id: ConversationId,
    /// The number up to which the caller has read.
    pub seq: SeqInput,
}

/// `message.unread`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct MarkUnread {
    pub conversation_id: ConversationId,
    /// The number from which messages count as unread.
    pub from_seq: SeqInput,
}

/// `message.edit`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct EditMessage {
    pub conversation_id: ConversationId,
    pub message_id: MessageId,
    pub content: String,
}

/// `message.report`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ReportMessage {
    pub conversation_id: ConversationId,
    pub message_id: MessageId,
    /// For the operators.
    pub reason: Option<String>,
}

/// `message.delete`, and every operation on one message that takes nothing else
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct OneMessage {
    pub conversation_id: ConversationId,
    pub message_id: MessageId,
}
