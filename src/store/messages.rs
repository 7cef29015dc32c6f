//! Messages: pages of history, and the events that a client missed.

use async_trait::async_trait;

use crate::domain::event::Event;
use crate::domain::message::Message;
use crate::domain::{ConversationId, Result, Seq, UserId};
use crate::limits;

/// A range of a conversation's messages; the numbers of changes are missing among theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// The newest.
    Newest,
    /// The newest of those before a number.
    Before(Seq),
    /// The oldest of those after a number.
    After(Seq),
}

impl Range {
    /// Returns the one of two statements that finds the range, and the number to bind: `before` finds the newest messages before a
    /// number, newest first, and `after` the oldest ones after it.
    pub(super) fn found_by(self, before: &'static str, after: &'static str) -> (&'static str, Seq) {
        match self {
            Self::Newest => (before, Seq::MAX),
            Self::Before(seq) => (before, seq),
            Self::After(seq) => (after, seq),
        }
    }

    /// Puts the rows of that statement in order, oldest first.
    pub(super) fn in_order(self, mut found: Vec<Message>) -> Vec<Message> {
        if !matches!(self, Self::After(_)) {
            found.reverse();
        }
        found
    }
}

/// Messages of a conversation, for one of its members.
#[derive(Debug)]
pub struct Page {
    /// The conversation's newest number, read before the messages.
    pub last_seq: Seq,
    /// The number of members.
    pub member_count: i64,
    /// The messages, oldest first.
    pub messages: Vec<Message>,
    /// The least `(delivered_seq, read_seq)` of the other members, if the page [tells](Page::includes_receipts) them.
    pub receipts: Option<(Seq, Seq)>,
}

impl Page {
    /// Returns true if the page says how far the others have received and read: in a small conversation, if one of the messages
    /// is the reader's own.
    pub fn includes_receipts(&self, reader_id: UserId) -> bool {
        let is_own = |message: &Message| message.sender_id == reader_id;
        self.member_count <= limits::SMALL_CONVERSATION_MEMBERS_MAX && self.messages.iter().any(is_own)
    }
}

/// Messages.
#[async_trait]
pub trait Messages: Send + Sync {
    /// Messages of a conversation as one of its members reads them; `None` if the reader is not in it.
    async fn page(&self, reader_id: UserId, id: ConversationId, range: Range, limit: usize) -> Result<Option<Page>>;

    /// Messages of a conversation, oldest first.
    async fn messages(&self, id: ConversationId, range: Range, limit: usize) -> Result<Vec<Message>>;

    /// The events after a number, oldest first and without a hole: each message that was written and each change of one.
    async fn events(&self, id: ConversationId, after: Seq, limit: usize) -> Result<Vec<Event>>;
}
