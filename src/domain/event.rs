//! Events: what happens in a conversation, numbered.

use super::message::{Message, SystemNote};
use super::{ConversationId, Seq};

pub use super::event_kind::EventKind;
pub use super::payload::Payload;

/// An event that is durable, with its number.
///
/// It shows its message as that is now, so that a deleted text does not come back in a replay, and applying an event twice is harmless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The event's own number; a new message's is the message's.
    pub seq: Seq,
    /// What happened.
    pub kind: EventKind,
    /// The message that is new or has changed, if the event is about one.
    pub message: Option<Message>,
    /// What the event says besides.
    pub payload: Option<Payload>,
}

impl Event {
    /// The event that a new message is: `message.new`, or what a system message notes.
    pub fn created(message: Message) -> Self {
        let kind = Self::kind_of(Some(&message));
        Self { conversation_id: message.conversation_id, seq: message.seq, kind, message: Some(message), payload: None }
    }

    /// The kind of a new message's event.
    pub fn kind_of(message: Option<&Message>) -> EventKind {
        message.and_then(|message| message.note.as_ref()).map_or(EventKind::MessageNew, SystemNote::kind)
    }

    /// Returns true if the event is the creation of its message, which stands in the table of messages.
    pub fn is_message(&self) -> bool {
        self.message.as_ref().is_some_and(|message| message.seq == self.seq)
    }
}
