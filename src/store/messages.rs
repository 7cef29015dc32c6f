//! Messages: pages of history, and the events that a client missed.

use async_trait::async_trait;

use crate::domain::event::Event;
use crate::domain::message::Message;
use crate::domain::{ConversationId, MessageId, Result, Seq, UserId};
use crate::limits;

/// A range of a conversation's messages. Their numbers have gaps, because changes have numbers too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// The newest messages.
    Newest,
    /// The newest messages before a number.
    Before(Seq),
    /// The oldest messages after a number.
    After(Seq),
}

impl Range {
    /// Returns the statement that selects the range, and the number to bind. `before` selects the newest messages before a number,
    /// newest first. `after` selects the oldest messages after a number, oldest first.
    pub(super) fn statement(self, before: &'static str, after: &'static str) -> (&'static str, Seq) {
        match self {
            Self::Newest => (before, Seq::MAX),
            Self::Before(seq) => (before, seq),
            Self::After(seq) => (after, seq),
        }
    }

    /// Sorts the messages that [`Range::statement`] selects, oldest first.
    pub(super) fn oldest_first(self, mut messages: Vec<Message>) -> Vec<Message> {
        if !matches!(self, Self::After(_)) {
            messages.reverse();
        }
        messages
    }
}

/// A page of a conversation's messages, for one of its members.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Page {
    /// The conversation's newest number, read before the messages.
    pub last_seq: Seq,
    pub member_count: i64,
    /// Oldest first.
    pub messages: Vec<Message>,
    /// The least `delivered_seq` and the least `read_seq` of the other members, if the page [includes](Page::includes_receipts) them.
    pub receipts: Option<(Seq, Seq)>,
}

impl Page {
    /// Returns true if the page says how far the other members have received and read. That is so in a conversation of at most
    /// [`limits::SMALL_CONVERSATION_MEMBERS_MAX`] members, if the reader sent one of the messages.
    pub fn includes_receipts(&self, reader_id: UserId) -> bool {
        let is_own = |message: &Message| message.sender_id == reader_id;
        self.member_count <= limits::SMALL_CONVERSATION_MEMBERS_MAX && self.messages.iter().any(is_own)
    }
}

/// The store's methods for messages.
#[async_trait]
pub trait Messages: Send + Sync {
    /// Returns a page of a conversation's messages for a reader. `None` if the reader is not a member.
    async fn page(&self, reader_id: UserId, id: ConversationId, range: Range, limit: usize) -> Result<Option<Page>>;

    /// Returns messages of a conversation, oldest first, without a check of membership.
    async fn messages(&self, id: ConversationId, range: Range, limit: usize) -> Result<Vec<Message>>;

    /// Returns one message of a conversation, without a check of membership.
    async fn message_by_id(&self, id: ConversationId, message_id: MessageId) -> Result<Option<Message>>;

    /// Returns the events after a number, oldest first and without a gap: the messages and the changes.
    async fn events(&self, id: ConversationId, after: Seq, limit: usize) -> Result<Vec<Event>>;

    /// Returns the events of several conversations, each after a number: at most `limit` of each conversation, which come together, oldest first
    /// and without a gap.
    async fn events_of(&self, after: &[(ConversationId, Seq)], limit: usize) -> Result<Vec<Event>>;
}
