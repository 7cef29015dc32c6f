//! Messages: what people write, and what the conversation notes by itself.

use std::sync::Arc;

use super::conversation::{GroupName, Role};
use super::event_kind::EventKind;
use super::payload::Payload;
use super::{ConversationId, FieldError, MessageId, Seq, Timestamp, UserId};
use crate::limits;

/// The text of a message: 1 byte to 16 KiB of UTF-8, without U+0000, not blank. Clones share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content(Arc<String>);

impl Content {
    /// Checks the form. The text stays as it is written.
    pub fn parse(text: String) -> Result<Self, FieldError> {
        let refuse = |detail: &'static str| Err(FieldError::new("content", detail));
        if text.len() > limits::CONTENT_BYTES_MAX {
            refuse("takes at most 16 KiB of UTF-8")
        } else if text.contains('\0') {
            refuse("must not contain U+0000")
        } else if text.trim().is_empty() {
            refuse("must not be blank")
        } else {
            Ok(Self(Arc::new(text)))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a system message notes: the numbered event itself, of which its `content` is the reading for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SystemNote {
    /// Somebody came in.
    MemberAdded {
        /// Who.
        user_id: UserId,
        /// As what.
        role: Role,
    },
    /// Somebody's role changed.
    MemberUpdated {
        /// Whose.
        user_id: UserId,
        /// To what.
        role: Role,
    },
    /// Somebody was removed, or left.
    MemberRemoved {
        /// Who.
        user_id: UserId,
    },
    /// The conversation got a name.
    ConversationUpdated {
        /// Which.
        name: GroupName,
    },
    /// A note of a newer version, which this node passes on.
    Other {
        /// What it notes.
        kind: EventKind,
        /// The user whom it concerns.
        user_id: Option<UserId>,
        /// What else it says, in the newer version's own way.
        value: Option<String>,
    },
}

impl SystemNote {
    /// The kind of the event that the note is.
    pub fn kind(&self) -> EventKind {
        match self {
            Self::MemberAdded { .. } => EventKind::MemberAdded,
            Self::MemberUpdated { .. } => EventKind::MemberUpdated,
            Self::MemberRemoved { .. } => EventKind::MemberRemoved,
            Self::ConversationUpdated { .. } => EventKind::ConversationUpdated,
            Self::Other { kind, .. } => kind.clone(),
        }
    }

    /// The user whom it concerns, if it is about one.
    pub fn user_id(&self) -> Option<UserId> {
        match self {
            Self::MemberAdded { user_id, .. }
            | Self::MemberUpdated { user_id, .. }
            | Self::MemberRemoved { user_id } => Some(*user_id),
            Self::ConversationUpdated { .. } => None,
            Self::Other { user_id, .. } => *user_id,
        }
    }

    /// The role or the name that it gave.
    pub fn value(&self) -> Option<&str> {
        match self {
            Self::MemberAdded { role, .. } | Self::MemberUpdated { role, .. } => Some(role.as_str()),
            Self::MemberRemoved { .. } => None,
            Self::ConversationUpdated { name } => Some(name.as_str()),
            Self::Other { value, .. } => value.as_deref(),
        }
    }

    /// The inverse of `kind`, `user_id` and `value`, which is how the stores keep a note.
    pub fn from_trusted(kind: &str, user_id: Option<UserId>, value: Option<String>) -> Self {
        let role = || Role::parse(value.as_deref()?);
        match (EventKind::parse(kind), user_id, role()) {
            (EventKind::MemberAdded, Some(user_id), Some(role)) => Self::MemberAdded { user_id, role },
            (EventKind::MemberUpdated, Some(user_id), Some(role)) => Self::MemberUpdated { user_id, role },
            (EventKind::MemberRemoved, Some(user_id), _) => Self::MemberRemoved { user_id },
            (EventKind::ConversationUpdated, _, _) if value.is_some() => {
                Self::ConversationUpdated { name: GroupName::from_trusted(value.unwrap_or_default()) }
            }
            (kind, user_id, _) => Self::Other { kind, user_id, value },
        }
    }
}

/// A message, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Names it within its conversation.
    pub id: MessageId,
    /// Where it was sent.
    pub conversation_id: ConversationId,
    /// The number of its creation.
    pub seq: Seq,
    /// Who sent it, or did what it notes.
    pub sender_id: UserId,
    /// The text.
    pub content: String,
    /// The message that it answers.
    pub reply_to: Option<MessageId>,
    /// When the server took it.
    pub timestamp: Timestamp,
    /// When its text was last changed.
    pub edited_at: Option<Timestamp>,
    /// When it was deleted; its text is gone then.
    pub deleted_at: Option<Timestamp>,
    /// What it notes, if it is a system message.
    pub note: Option<SystemNote>,
    /// Further public fields, which few messages have. Nodes pass them on, whether they know them or not.
    pub extra: Option<Payload>,
}

impl Message {
    /// As the API and the stores spell its type.
    pub fn kind(&self) -> &'static str {
        if self.note.is_some() { "system" } else { "text" }
    }
}

#[cfg(test)]
mod tests {
    use super::{Content, SystemNote};
    use crate::domain::UserId;
    use crate::domain::conversation::{GroupName, Role};
    use crate::domain::event::EventKind;
    use crate::limits;

    #[test]
    fn content_is_bounded_in_bytes_and_never_blank() {
        assert!(Content::parse("é".repeat(limits::CONTENT_BYTES_MAX / 2)).is_ok());
        assert!(Content::parse("é".repeat(limits::CONTENT_BYTES_MAX / 2) + "x").is_err());
        for bad in ["", "  \n", "a\0b"] {
            assert!(Content::parse(bad.to_owned()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn notes_survive_a_store() {
        let user_id = UserId::new();
        for note in [
            SystemNote::MemberAdded { user_id, role: Role::Admin },
            SystemNote::MemberUpdated { user_id, role: Role::Owner },
            SystemNote::MemberRemoved { user_id },
            SystemNote::ConversationUpdated { name: GroupName::from_trusted("Lunch".to_owned()) },
            SystemNote::Other {
                kind: EventKind::parse("message.pinned"),
                user_id: Some(user_id),
                value: Some("x".to_owned()),
            },
        ] {
            let kept = SystemNote::from_trusted(note.kind().as_str(), note.user_id(), note.value().map(str::to_owned));
            assert_eq!(kept, note);
        }
    }
}
