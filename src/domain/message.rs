//! Messages: texts of users, and system messages about the conversation.

use std::sync::Arc;

use super::conversation::{GroupName, Role};
use super::event_kind::EventKind;
use super::mentions::Mentions;
use super::payload::Payload;
use super::reactions::Reactions;
use super::visible::is_blank;
use super::{ConversationId, FieldError, MessageId, Seq, Timestamp, UserId};
use crate::limits;

/// The text of a message: 1 byte to 16 KiB of UTF-8, without U+0000 and not blank. Clones share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content(Arc<String>);

impl Content {
    /// Checks the form. The text stays as it is.
    pub fn parse(text: String) -> Result<Self, FieldError> {
        let refuse = |detail: &'static str| Err(FieldError::new("content", detail));
        if text.len() > limits::CONTENT_BYTES_MAX {
            refuse("takes at most 16 KiB of UTF-8")
        } else if text.contains('\0') {
            refuse("must not contain U+0000")
        } else if is_blank(&text) {
            refuse("must not be blank")
        } else {
            Ok(Self(Arc::new(text)))
        }
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The note of a system message, for programs. The message is the numbered event itself, and its `content` says the same to users.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub enum SystemNote {
    /// A user became a member.
    MemberAdded { user_id: UserId, role: Role },
    /// A member's role changed.
    MemberUpdated { user_id: UserId, role: Role },
    /// A member was removed or left.
    MemberRemoved { user_id: UserId },
    /// The conversation's name changed.
    ConversationUpdated { name: GroupName },
    /// A note of a newer version. This node passes it on. The newer version decides what `value` means.
    Other { kind: EventKind, user_id: Option<UserId>, value: Option<String> },
}

impl SystemNote {
    /// Returns the kind of the event.
    pub fn kind(&self) -> EventKind {
        match self {
            Self::MemberAdded { .. } => EventKind::MemberAdded,
            Self::MemberUpdated { .. } => EventKind::MemberUpdated,
            Self::MemberRemoved { .. } => EventKind::MemberRemoved,
            Self::ConversationUpdated { .. } => EventKind::ConversationUpdated,
            Self::Other { kind, .. } => kind.clone(),
        }
    }

    /// Returns the user whose membership changed.
    pub fn user_id(&self) -> Option<UserId> {
        match self {
            Self::MemberAdded { user_id, .. }
            | Self::MemberUpdated { user_id, .. }
            | Self::MemberRemoved { user_id } => Some(*user_id),
            Self::ConversationUpdated { .. } => None,
            Self::Other { user_id, .. } => *user_id,
        }
    }

    /// Returns the new role or name.
    pub fn value(&self) -> Option<&str> {
        match self {
            Self::MemberAdded { role, .. } | Self::MemberUpdated { role, .. } => Some(role.as_str()),
            Self::MemberRemoved { .. } => None,
            Self::ConversationUpdated { name } => Some(name.as_str()),
            Self::Other { value, .. } => value.as_deref(),
        }
    }

    /// Returns the sentence for users, in which `actor_id` acted. `None` if a name is not known, or for a note of a newer version.
    pub fn sentence<'a>(&self, actor_id: UserId, name_of: impl Fn(UserId) -> Option<&'a str>) -> Option<String> {
        let actor = name_of(actor_id)?;
        Some(match self {
            Self::MemberAdded { user_id, .. } => format!("{actor} added {}", name_of(*user_id)?),
            Self::MemberUpdated { user_id, role } => {
                let became = match role {
                    Role::Owner => "the owner",
                    Role::Admin => "an admin",
                    Role::Member => "a member",
                };
                format!("{actor} made {} {became}", name_of(*user_id)?)
            }
            Self::MemberRemoved { user_id } if *user_id == actor_id => format!("{actor} left"),
            Self::MemberRemoved { user_id } => format!("{actor} removed {}", name_of(*user_id)?),
            Self::ConversationUpdated { name } => format!("{actor} named the conversation “{}”", name.as_str()),
            Self::Other { .. } => return None,
        })
    }

    /// The inverse of `kind`, `user_id` and `value`, which the stores keep.
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

/// The beginning of a message that another one answers. It is read with the answer and never copied into it, so that it shows edits and no
/// deleted text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Quote {
    pub seq: Seq,
    pub sender_id: UserId,
    pub is_system: bool,
    /// The first [`limits::QUOTE_CHARS_MAX`] characters of its text. A deleted message has none, and neither has a system message, whose sentence
    /// may name users who are deleted.
    pub content: String,
    pub deleted_at: Option<Timestamp>,
}

/// A message as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Message {
    /// Unique within the conversation.
    pub id: MessageId,
    pub conversation_id: ConversationId,
    /// The number of the event that created it.
    pub seq: Seq,
    /// The sender, or for a system message the user who acted.
    pub sender_id: UserId,
    pub content: String,
    /// The message that this one answers.
    pub reply_to: Option<MessageId>,
    /// That message as it is now. A deleted message quotes nothing.
    pub quote: Option<Box<Quote>>,
    /// When the server received it.
    pub timestamp: Timestamp,
    pub edited_at: Option<Timestamp>,
    /// When it was deleted. A deleted message has no text and no reactions, mentions nobody, and is not pinned.
    pub deleted_at: Option<Timestamp>,
    pub reactions: Reactions,
    /// When it was pinned, if it is.
    pub pinned_at: Option<Timestamp>,
    /// The users whom its text mentions.
    pub mentions: Mentions,
    /// Only a system message has one.
    pub note: Option<SystemNote>,
    /// Further public fields, which few messages have. Nodes pass them on, even if they do not know them.
    pub extra: Option<Payload>,
}

impl Message {
    /// Returns a text as it was sent. It answers nothing and mentions nobody.
    pub fn new(
        id: MessageId,
        conversation_id: ConversationId,
        seq: Seq,
        sender_id: UserId,
        content: String,
        timestamp: Timestamp,
    ) -> Self {
        Self {
            id,
            conversation_id,
            seq,
            sender_id,
            content,
            reply_to: None,
            quote: None,
            timestamp,
            edited_at: None,
            deleted_at: None,
            reactions: Reactions::default(),
            pinned_at: None,
            mentions: Mentions::default(),
            note: None,
            extra: None,
        }
    }

    /// Returns the message's type: the name that the API and the stores use.
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
        for bad in ["", "  \n", "\u{200B}", "\u{3164} \u{2800}\u{AD}", "a\0b"] {
            assert!(Content::parse(bad.to_owned()).is_err(), "{bad:?}");
        }
        assert!(Content::parse("\u{202E}a\u{2028}b".to_owned()).is_ok(), "a text may have any direction and lines");
    }

    #[test]
    fn notes_round_trip_through_a_store() {
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
            let stored =
                SystemNote::from_trusted(note.kind().as_str(), note.user_id(), note.value().map(str::to_owned));
            assert_eq!(stored, note);
        }
    }
}
