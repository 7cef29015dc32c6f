//! The kinds of events.

use serde::{Serialize, Serializer};

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)+) => {
        /// The kind of an event: the `type` of its frame, and the value in the stores.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum EventKind {
            $($(#[$doc])* $name,)+
            /// A kind of a newer version. This node passes it on.
            Other(Box<str>),
        }

        impl EventKind {
            /// Returns the name that the API and the stores use.
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
    /// A message was deleted. A tombstone stays.
    MessageDeleted = "message.deleted";
    /// A message was pinned.
    MessagePinned = "message.pinned";
    /// A message is pinned no more.
    MessageUnpinned = "message.unpinned";
    /// Users reacted to a message, or took reactions back.
    ReactionsChanged = "reactions.changed";
    /// A user became a member.
    MemberAdded = "member.added";
    /// A member's role changed.
    MemberUpdated = "member.updated";
    /// A member was removed or left.
    MemberRemoved = "member.removed";
    /// The conversation's name changed.
    ConversationUpdated = "conversation.updated";
}

impl Serialize for EventKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::EventKind;

    #[test]
    fn kinds_round_trip_through_a_store() {
        for text in ["message.new", "message.pinned", "conversation.updated", "message.translated"] {
            assert_eq!(EventKind::parse(text).as_str(), text);
        }
        assert_eq!(EventKind::parse("message.translated"), EventKind::Other("message.translated".into()));
    }
}
