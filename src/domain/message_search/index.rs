//! The entries of an index of messages, and its progress.

use std::collections::BTreeMap;

use super::words::{indexed_words, is_omitted};
use crate::domain::event::{Event, EventKind};
use crate::domain::{ConversationId, Seq, Timestamp, UserId};

/// An index: the words that one version of the tokenizer makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct IndexVersion {
    pub version: i64,
    /// True once it had all messages. Since then it lags behind by what is being indexed.
    pub is_complete: bool,
    /// When a node with this version was last at work.
    pub used_at: Timestamp,
}

/// How far a conversation is indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexPosition {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Its newest number. `None` if it was deleted.
    pub head: Option<Seq>,
    /// The number up to which it is indexed. `None` if the index has nothing of it.
    pub indexed: Option<Seq>,
}

impl IndexPosition {
    /// Returns the number up to which it is indexed, if there are newer events.
    pub fn behind(&self) -> Option<Seq> {
        let indexed = self.indexed.unwrap_or(0);
        self.head.filter(|head| *head > indexed).map(|_| indexed)
    }

    /// Returns true if the index has something of a conversation that was deleted.
    pub fn is_left_over(&self) -> bool {
        self.head.is_none() && self.indexed.is_some()
    }
}

/// An event, as far as an index needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct IndexedEvent {
    pub conversation_id: ConversationId,
    pub seq: Seq,
    /// `None` if the event leaves the texts of messages as they are. System messages are not indexed: their sentences have names of users, who
    /// may be deleted.
    pub change: Option<TextChange>,
}

/// A message that is new or has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct TextChange {
    pub message_seq: Seq,
    pub sender_id: UserId,
    pub timestamp: Timestamp,
    /// `None` if the message was deleted.
    pub text: Option<String>,
}

impl IndexedEvent {
    /// Returns what an index needs of an event.
    pub fn of(event: &Event) -> Self {
        let changes_text = match event.kind {
            EventKind::MessageNew | EventKind::MessageUpdated | EventKind::MessageDeleted => true,
            _ => event.is_message(),
        };
        let message = event.message.as_ref().filter(|message| changes_text && message.note.is_none());
        let change = message.map(|message| TextChange {
            message_seq: message.seq,
            sender_id: message.sender_id,
            timestamp: message.timestamp,
            text: message.deleted_at.is_none().then(|| message.content.clone()),
        });
        Self { conversation_id: event.conversation_id, seq: event.seq, change }
    }

    /// Returns the bytes of memory that it takes.
    pub fn bytes(&self) -> usize {
        let text = self.change.as_ref().and_then(|change| change.text.as_ref());
        size_of::<Self>() + text.map_or(0, String::len)
    }
}

/// A step of the index: the events of a conversation after one number, up to another. It counts only if the index is still at the first one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct IndexStep {
    pub conversation_id: ConversationId,
    pub after: Seq,
    pub up_to: Seq,
    /// At most one for each message.
    pub entries: Vec<IndexEntry>,
}

/// A message that is new or has changed. The index may have it only if its number is not after the step's first.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct IndexEntry {
    /// The message's number.
    pub seq: Seq,
    pub sender_id: UserId,
    pub timestamp: Timestamp,
    /// `None` if the message has no text any more.
    pub words: Option<Words>,
}

/// The words of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words(String);

impl Words {
    /// Returns the words in their order, separated by spaces.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns each word with its places in the text, from 1.
    pub fn places(&self) -> BTreeMap<&str, Vec<usize>> {
        let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, word) in self.0.split(' ').enumerate() {
            if !word.is_empty() && !is_omitted(word) {
                places.entry(word).or_default().push(index + 1);
            }
        }
        places
    }
}

/// Returns the step of a conversation's events that follow a number, in their order. `None` if there are none.
pub fn index_step(
    conversation_id: ConversationId,
    after: Seq,
    events: impl IntoIterator<Item = IndexedEvent>,
) -> Option<IndexStep> {
    let mut up_to = None;
    let mut entries: BTreeMap<Seq, IndexEntry> = BTreeMap::new();
    for event in events {
        up_to = Some(event.seq);
        if let Some(TextChange { message_seq: seq, sender_id, timestamp, text }) = event.change {
            let words = text.map(|text| Words(indexed_words(&text)));
            // The last change of a message has its newest text.
            entries.insert(seq, IndexEntry { seq, sender_id, timestamp, words });
        }
    }
    up_to.map(|up_to| IndexStep { conversation_id, after, up_to, entries: entries.into_values().collect() })
}

/// Returns the word by which an index finds the messages of a conversation. No text has it, because it begins with a character that is no
/// letter.
pub fn conversation_key(id: ConversationId) -> String {
    format!("\u{E000}{}", id.0.as_simple())
}

/// Returns the word by which an index finds the messages of a sender.
pub fn sender_key(id: UserId) -> String {
    format!("\u{E001}{}", id.0.as_simple())
}
