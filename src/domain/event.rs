//! Events: what happens in a conversation, numbered.

use super::Seq;
use super::message::Message;

/// What happened to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// It was written, or the conversation noted something.
    Created,
    /// Its text was changed.
    Updated,
    /// It was deleted; a tombstone stays.
    Deleted,
}

impl Happening {
    /// As the stores spell a change of a message; also the type of the frame that tells it. Nothing for its creation, which is
    /// the message itself.
    pub fn change(self) -> Option<&'static str> {
        match self {
            Self::Created => None,
            Self::Updated => Some("message.updated"),
            Self::Deleted => Some("message.deleted"),
        }
    }

    /// The inverse of [`Happening::change`].
    pub fn stored(change: Option<&str>) -> Option<Self> {
        match change {
            None => Some(Self::Created),
            Some("message.updated") => Some(Self::Updated),
            Some("message.deleted") => Some(Self::Deleted),
            Some(_) => None,
        }
    }
}

/// Something that happened and survives, with its number.
///
/// It shows its message as that is now, so that nothing deleted comes back in a replay, and applying an event twice is
/// harmless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its own number; a creation's is the message's.
    pub seq: Seq,
    /// What happened.
    pub happening: Happening,
    /// To which message.
    pub message: Message,
}

impl Event {
    /// The event that a message's creation is.
    pub fn created(message: Message) -> Self {
        Self { seq: message.seq, happening: Happening::Created, message }
    }
}
