//! Commands: every numbered write, of one type, because all of them go through the journal.

use super::conversation::{Role, Title};
use super::event::Event;
use super::message::{Content, Message};
use super::{Code, ConversationId, Error, MessageId, Result, Seq, Timestamp, UserId};

/// A numbered write that somebody wants, safe to repeat: what has happened already does not happen again.
#[derive(Clone, Debug)]
pub enum Command {
    /// Write a message.
    Send(Send),
    /// Edit or delete a message.
    Revise(Revision),
    /// Change the members or the name.
    Change(Change),
}

impl Command {
    /// The message that it writes, if it is a send.
    pub fn as_send(&self) -> Option<&Send> {
        match self {
            Self::Send(send) => Some(send),
            Self::Revise(_) | Self::Change(_) => None,
        }
    }

    /// Where.
    pub fn conversation_id(&self) -> ConversationId {
        match self {
            Self::Send(send) => send.conversation_id,
            Self::Revise(revision) => revision.conversation_id,
            Self::Change(change) => change.conversation_id,
        }
    }
}

/// Write a message. Its `id` makes it safe to repeat: if that is in the conversation already, nothing changes.
#[derive(Clone, Debug)]
pub struct Send {
    /// Where.
    pub conversation_id: ConversationId,
    /// The message's id: the client's choice, or new.
    pub id: MessageId,
    /// Who.
    pub sender_id: UserId,
    /// What.
    pub content: Content,
    /// The message that it answers; it must be in the same conversation.
    pub reply_to: Option<MessageId>,
    /// When the server took it.
    pub timestamp: Timestamp,
}

impl Send {
    /// The message that it becomes with this number.
    pub fn numbered(&self, seq: Seq) -> Message {
        Message {
            id: self.id,
            conversation_id: self.conversation_id,
            seq,
            sender_id: self.sender_id,
            content: self.content.as_str().to_owned(),
            reply_to: self.reply_to,
            timestamp: self.timestamp,
            edited_at: None,
            deleted_at: None,
            note: None,
        }
    }
}

/// Edit or delete a message, by the rules of [`super::revision`].
///
/// Safe to repeat: what is as wanted already changes nothing.
#[derive(Clone, Debug)]
pub struct Revision {
    /// Where.
    pub conversation_id: ConversationId,
    /// Which.
    pub message_id: MessageId,
    /// Who wants it.
    pub actor_id: UserId,
    /// The new text; without one the message is deleted.
    pub content: Option<Content>,
    /// When the server took it.
    pub timestamp: Timestamp,
}

/// Change the members or the name of a group.
#[derive(Clone, Debug)]
pub struct Change {
    /// Where.
    pub conversation_id: ConversationId,
    /// The id of the system message that will note it.
    pub id: MessageId,
    /// Who wants it.
    pub actor_id: UserId,
    /// What.
    pub action: Action,
    /// When the server took it.
    pub timestamp: Timestamp,
}

/// What a [`Change`] does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Let somebody in.
    Add {
        /// Whom.
        user_id: UserId,
        /// As what.
        role: Role,
    },
    /// Remove somebody, or leave.
    Remove {
        /// Whom.
        user_id: UserId,
    },
    /// Give somebody a role. Making another the owner makes the present one an admin.
    SetRole {
        /// Whom.
        user_id: UserId,
        /// Which.
        role: Role,
    },
    /// Name the conversation.
    Rename {
        /// How.
        name: Title,
    },
}

impl Action {
    /// Whom it concerns, if it is about a member.
    pub fn user_id(&self) -> Option<UserId> {
        match self {
            Self::Add { user_id, .. } | Self::Remove { user_id } | Self::SetRole { user_id, .. } => Some(*user_id),
            Self::Rename { .. } => None,
        }
    }
}

/// What became of a command that was not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It happened, just now.
    Fresh(Event),
    /// It had happened before; this is the message as it is now.
    Repeated(Message),
    /// There was nothing to do: things are already as wanted.
    Unchanged,
}

impl Outcome {
    /// What happened, if something did.
    pub fn event(&self) -> Option<&Event> {
        match self {
            Self::Fresh(event) => Some(event),
            Self::Repeated(_) | Self::Unchanged => None,
        }
    }

    /// What a command comes to whose id is in the conversation already.
    ///
    /// The same sender's is a retry, even of somebody who has left since: what they sent was sent. To another member it says
    /// that the id is taken, and nothing of the first; to a stranger there is no such conversation.
    pub fn repeated(stored: Message, sender_id: UserId, is_member: bool) -> Result<Self> {
        if stored.sender_id == sender_id {
            Ok(Self::Repeated(stored))
        } else if is_member {
            Err(Error::new(Code::IdTaken, "This id is taken; choose another."))
        } else {
            Err(Error::not_found("conversation"))
        }
    }
}
