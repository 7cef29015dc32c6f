//! Writes: every numbered write, of one type, because all of them go through the journal.

use super::conversation::{GroupName, Role};
use super::event::Event;
use super::message::{Content, Message};
use super::{Code, ConversationId, Error, MessageId, Result, Seq, Timestamp, UserId};

/// A numbered write, as the journal takes it.
#[derive(Clone, Debug)]
pub enum Write {
    /// A new message. It has a statement of its own, since there are so many.
    Send(NewMessage),
    /// Everything else.
    Apply(Command),
}

impl Write {
    /// The message, if the write is a send.
    pub fn as_send(&self) -> Option<&NewMessage> {
        match self {
            Self::Send(message) => Some(message),
            Self::Apply(_) => None,
        }
    }

    /// The command, if the write is one.
    pub fn as_command(&self) -> Option<&Command> {
        match self {
            Self::Send(_) => None,
            Self::Apply(command) => Some(command),
        }
    }

    /// The conversation.
    pub fn conversation_id(&self) -> ConversationId {
        match self {
            Self::Send(message) => message.conversation_id,
            Self::Apply(command) => command.conversation_id,
        }
    }

    /// Bytes of text that it carries.
    pub fn text_bytes(&self) -> usize {
        match self {
            Self::Send(message) => message.content.as_str().len(),
            Self::Apply(command) => command.action.text_bytes(),
        }
    }

    /// The user who writes.
    pub fn actor_id(&self) -> UserId {
        match self {
            Self::Send(message) => message.sender_id,
            Self::Apply(command) => command.actor_id,
        }
    }
}

/// A message that is to be sent. Its `id` makes it safe to repeat: if that is in the conversation already, nothing changes.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The message's id: the client's choice, or new.
    pub id: MessageId,
    /// The user who sends.
    pub sender_id: UserId,
    /// The text.
    pub content: Content,
    /// The message that it answers; it must be in the same conversation.
    pub reply_to: Option<MessageId>,
    /// When the server took it.
    pub timestamp: Timestamp,
}

impl NewMessage {
    /// The message that it becomes with this number.
    pub fn with_seq(&self, seq: Seq) -> Message {
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
            extra: None,
        }
    }
}

/// A numbered write that is decided by [`super::rules::decide`].
///
/// It is safe to repeat: one that leaves a system message by its `id`, any other because the same state again changes nothing.
#[derive(Clone, Debug)]
pub struct Command {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The user who acts.
    pub actor_id: UserId,
    /// The id of the system message, if the action leaves one.
    pub id: MessageId,
    /// When the server took it.
    pub timestamp: Timestamp,
    /// What to do.
    pub action: Action,
}

/// What a [`Command`] does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub enum Action {
    /// Changes the text of a message.
    EditMessage { message_id: MessageId, content: Content },
    /// Deletes a message.
    DeleteMessage { message_id: MessageId },
    /// Adds a member.
    AddMember { user_id: UserId, role: Role },
    /// Removes a member, or leaves.
    RemoveMember { user_id: UserId },
    /// Changes a member's role. A new owner makes the present one an admin.
    SetRole { user_id: UserId, role: Role },
    /// Names the group.
    Rename { name: GroupName },
}

impl Action {
    /// The user whom it concerns, if it is about one.
    pub fn user_id(&self) -> Option<UserId> {
        match self {
            Self::AddMember { user_id, .. } | Self::RemoveMember { user_id } | Self::SetRole { user_id, .. } => {
                Some(*user_id)
            }
            Self::EditMessage { .. } | Self::DeleteMessage { .. } | Self::Rename { .. } => None,
        }
    }

    fn text_bytes(&self) -> usize {
        match self {
            Self::EditMessage { content, .. } => content.as_str().len(),
            Self::Rename { name } => name.as_str().len(),
            _ => 0,
        }
    }

    /// The message that it concerns, if it is about one.
    pub fn message_id(&self) -> Option<MessageId> {
        match self {
            Self::EditMessage { message_id, .. } | Self::DeleteMessage { message_id } => Some(*message_id),
            Self::AddMember { .. } | Self::RemoveMember { .. } | Self::SetRole { .. } | Self::Rename { .. } => None,
        }
    }
}

/// The result of a write that was not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was committed, just now.
    Committed(Event),
    /// It had been committed before; this is the message as it is now.
    Duplicate(Message),
    /// Nothing was to be done.
    NoChange,
}

impl Outcome {
    /// The event, if the write caused one.
    pub fn event(&self) -> Option<&Event> {
        match self {
            Self::Committed(event) => Some(event),
            Self::Duplicate(_) | Self::NoChange => None,
        }
    }

    /// The outcome of a write whose id is in the conversation already.
    ///
    /// The same sender's is a retry, even of a user who has left since. Another member gets `id_taken`, which says nothing of the
    /// first message. For anybody else there is no such conversation.
    pub fn duplicate(stored: Message, sender_id: UserId, is_member: bool) -> Result<Self> {
        if stored.sender_id == sender_id {
            Ok(Self::Duplicate(stored))
        } else if is_member {
            Err(Error::new(Code::IdTaken, "This id is taken; choose another."))
        } else {
            Err(Error::not_found("conversation"))
        }
    }
}
