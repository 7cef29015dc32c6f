//! Finding messages: the words of a text, the terms of a query, what an index holds, and the excerpts of what was found.
//!
//! The tokenizer is here and not in a database, because no two databases cut words alike: both stores index the words that [`words`] makes.

mod excerpt;
mod index;
mod query;
mod words;

pub use excerpt::{Excerpt, excerpt};
pub use index::{
    IndexEntry, IndexPosition, IndexStep, IndexVersion, IndexedEvent, TextChange, Words, conversation_key, index_step,
    sender_key,
};
pub use query::{MessageQuery, Term};
pub use words::WORDS_VERSION;

use super::message::Message;
use super::{ConversationId, Seq, Timestamp, UserId};

/// The position of a message among all messages: their order is that of their times, then of their conversations, then of their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct MessagePosition {
    pub timestamp: Timestamp,
    pub conversation_id: ConversationId,
    pub seq: Seq,
}

impl MessagePosition {
    /// After every message.
    pub const LAST: Self =
        Self { timestamp: Timestamp(i64::MAX), conversation_id: ConversationId::LAST, seq: Seq::MAX };
}

/// A search, with everything that its query names.
#[derive(Clone, Debug)]
pub struct Search {
    /// Only messages of this user's conversations are found.
    pub reader_id: UserId,
    /// A message has all of them.
    pub terms: Vec<Term>,
    /// Only messages of this user are found.
    pub sender_id: Option<UserId>,
    /// Only messages of these conversations are found.
    pub conversation_ids: Option<Vec<ConversationId>>,
    /// Only messages from this time on are found.
    pub since: Timestamp,
    /// Only messages before this position are found.
    pub before: MessagePosition,
    /// The number of messages to find.
    pub limit: usize,
}

/// The messages that an index found, newest first. It may lag behind the texts, so that [`MessageQuery::ranges`] decides.
#[derive(Debug, Default)]
pub struct FoundMessages {
    /// The messages as they are now.
    pub messages: Vec<Message>,
    /// The position before which the search goes on. It can be that of a message that the reader may not see, so that a cursor must hide it.
    /// `None` if there are no further messages.
    pub next: Option<MessagePosition>,
}
