//! Events: the numbered changes of a conversation.

use super::message::{Message, SystemNote};
use super::{ConversationId, Seq};

pub use super::event_kind::EventKind;
pub use super::payload::Payload;

/// A durable event with its number.
///
/// An event has its message as it is now. So a replay never shows a deleted text, and a client can apply an event twice.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Event {
    pub conversation_id: ConversationId,
    /// The event's own number. For a new message it is the message's number.
    pub seq: Seq,
    pub kind: EventKind,
    /// The message that is new or changed, if the event is about one.
    pub message: Option<Message>,
    /// Further public fields of the event's frame.
    pub payload: Option<Payload>,
}

impl Event {
    /// Returns the event of a new message: `message.new`, or for a system message the kind of its note.
    pub fn created(message: Message) -> Self {
        let kind = Self::kind_of(Some(&message));
        Self { conversation_id: message.conversation_id, seq: message.seq, kind, message: Some(message), payload: None }
    }

    /// Returns the kind of a new message's event.
    pub fn kind_of(message: Option<&Message>) -> EventKind {
        message.and_then(|message| message.note.as_ref()).map_or(EventKind::MessageNew, SystemNote::kind)
    }

    /// Returns the note of the system message that the event creates. A later change of that message adds or removes nobody again, so its
    /// event has none.
    pub fn note(&self) -> Option<&SystemNote> {
        self.message.as_ref().filter(|_| self.is_message())?.note.as_ref()
    }

    /// Returns true if the event is the creation of its message. The table of messages has such an event, and the table of changes does not.
    pub fn is_message(&self) -> bool {
        self.message.as_ref().is_some_and(|message| message.seq == self.seq)
    }
}
