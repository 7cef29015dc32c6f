//! Events: what happens in a conversation, numbered.

use serde::{Serialize, Serializer};

use super::message::{Message, Note};
use super::{ConversationId, Seq};

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)+) => {
        /// The kind of an event: the `type` of its frame, and how the stores keep it.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum EventKind {
            $($(#[$doc])* $name,)+
            /// A kind of a newer version, which this node passes on.
            Other(Box<str>),
        }

        impl EventKind {
            /// The kind as the API and the stores spell it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$name => $text,)+
                    Self::Other(text) => text,
                }
            }

            /// The inverse of [`EventKind::as_str`].
            pub fn parse(text: &str) -> Self {
                match text {
                    $($text => Self::$name,)+
                    _ => Self::Other(text.into()),
                }
            }
        }
    };
}

kinds! {
    /// A user sent a message.
    MessageNew = "message.new";
    /// The sender edited a message.
    MessageUpdated = "message.updated";
    /// A message was deleted; a tombstone stays.
    MessageDeleted = "message.deleted";
    /// A user became a member.
    MemberAdded = "member.added";
    /// A member's role changed.
    MemberUpdated = "member.updated";
    /// A member was removed, or left.
    MemberRemoved = "member.removed";
    /// The conversation's name changed.
    ConversationUpdated = "conversation.updated";
}

impl Serialize for EventKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The public fields of an event besides its message: the text of a JSON object. The stores keep it and nodes pass it on, whether they
/// know the kind or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload(Box<str>);

impl Payload {
    /// A payload that a store kept.
    pub fn from_trusted(json: String) -> Self {
        Self(json.into())
    }

    /// The JSON object.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

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
        message.and_then(|message| message.note.as_ref()).map_or(EventKind::MessageNew, Note::kind)
    }

    /// Returns true if the event is the creation of its message, which stands in the table of messages.
    pub fn is_message(&self) -> bool {
        self.message.as_ref().is_some_and(|message| message.seq == self.seq)
    }
}

#[cfg(test)]
mod tests {
    use super::EventKind;

    #[test]
    fn kinds_survive_a_store() {
        for text in ["message.new", "message.deleted", "conversation.updated", "message.pinned"] {
            assert_eq!(EventKind::parse(text).as_str(), text);
        }
        assert_eq!(EventKind::parse("message.pinned"), EventKind::Other("message.pinned".into()));
    }
}
