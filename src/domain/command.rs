//! Writes: one type for all numbered writes, because all of them go through the journal.

use uuid::Uuid;

use super::conversation::{GroupName, Role};
use super::emoji::Emoji;
use super::event::Event;
use super::message::{Content, Message};
use super::{Code, ConversationId, Error, MessageId, Result, Seq, Timestamp, UserId};
use crate::limits;

/// A numbered write, as the journal takes it.
#[derive(Clone, Debug)]
pub enum Write {
    /// A new message. The stores have a statement of its own for it, because most writes are sends.
    Send(NewMessage),
    /// Any other numbered write.
    Apply(Command),
}

impl Write {
    /// Returns the message if the write is a send.
    pub fn as_send(&self) -> Option<&NewMessage> {
        match self {
            Self::Send(message) => Some(message),
            Self::Apply(_) => None,
        }
    }

    /// Returns the command if the write is one.
    pub fn as_command(&self) -> Option<&Command> {
        match self {
            Self::Send(_) => None,
            Self::Apply(command) => Some(command),
        }
    }

    /// Returns the conversation.
    pub fn conversation_id(&self) -> ConversationId {
        match self {
            Self::Send(message) => message.conversation_id,
            Self::Apply(command) => command.conversation_id,
        }
    }

    /// Returns its share of a batch's bound: the bytes of its text, and more for each name in a message, which the store looks up.
    pub fn weight(&self) -> usize {
        match self {
            Self::Send(message) => {
                let text = message.content.as_str();
                let names = text.bytes().filter(|byte| *byte == b'@').count();
                text.len() + names.min(limits::MENTION_NAMES_MAX) * limits::NAME_WEIGHT_BYTES
            }
            Self::Apply(command) => command.action.text_bytes(),
        }
    }

    /// Returns the user who writes.
    pub fn actor_id(&self) -> UserId {
        match self {
            Self::Send(message) => message.sender_id,
            Self::Apply(command) => command.actor_id,
        }
    }
}

/// A message before it is committed. Its `id` makes a retry safe: if the conversation has a message with this id, nothing changes.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct NewMessage {
    pub conversation_id: ConversationId,
    /// Chosen by the client, or else new.
    pub id: MessageId,
    pub sender_id: UserId,
    pub content: Content,
    /// The message that this one answers. It must be in the same conversation.
    pub reply_to: Option<MessageId>,
    /// When the server received it.
    pub timestamp: Timestamp,
}

impl NewMessage {
    /// Returns the committed message with its number.
    pub fn with_seq(&self, seq: Seq) -> Message {
        Message {
            reply_to: self.reply_to,
            ..Message::new(
                self.id,
                self.conversation_id,
                seq,
                self.sender_id,
                self.content.as_str().to_owned(),
                self.timestamp,
            )
        }
    }
}

/// A numbered write that is decided by [`super::rules::decide`].
///
/// A retry is safe. A command that writes a system message is recognised by its `id`. Any other command changes nothing if the state is
/// the same already.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Command {
    pub conversation_id: ConversationId,
    pub actor_id: UserId,
    /// The id of the system message, if the action writes one.
    pub id: MessageId,
    /// When the server received it.
    pub timestamp: Timestamp,
    pub action: Action,
}

impl Command {
    /// Returns an operator's removal of a message, at the present time. Its actor is no user, because it may come from the command line.
    pub fn removal(conversation_id: ConversationId, message_id: MessageId) -> Self {
        let (actor_id, id, timestamp) = (UserId(Uuid::nil()), MessageId::new(), Timestamp::now());
        Self { conversation_id, actor_id, id, timestamp, action: Action::RemoveMessage { message_id } }
    }
}

/// The action of a [`Command`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub enum Action {
    /// Replaces the text of a message.
    EditMessage { message_id: MessageId, content: Content },
    /// Deletes a message.
    DeleteMessage { message_id: MessageId },
    /// Deletes a message by an operator, who need not be a member.
    RemoveMessage { message_id: MessageId },
    /// Reacts to a message, or takes the reaction back.
    React { message_id: MessageId, emoji: Emoji, is_added: bool },
    /// Removes all reactions with an emoji to a message, by an admin.
    ClearReactions { message_id: MessageId, emoji: Emoji },
    /// Pins a message, or unpins it.
    Pin { message_id: MessageId, is_pinned: bool },
    /// Adds a member.
    AddMember { user_id: UserId, role: Role },
    /// Removes a member. A member who removes themselves leaves.
    RemoveMember { user_id: UserId },
    /// Changes a member's role. When a member becomes the owner, the present owner becomes an admin.
    SetRole { user_id: UserId, role: Role },
    /// Changes the name of the group.
    Rename { name: GroupName },
}

impl Action {
    /// Returns the user whose membership the action changes.
    pub fn user_id(&self) -> Option<UserId> {
        match self {
            Self::AddMember { user_id, .. } | Self::RemoveMember { user_id } | Self::SetRole { user_id, .. } => {
                Some(*user_id)
            }
            Self::EditMessage { .. }
            | Self::DeleteMessage { .. }
            | Self::RemoveMessage { .. }
            | Self::React { .. }
            | Self::ClearReactions { .. }
            | Self::Pin { .. }
            | Self::Rename { .. } => None,
        }
    }

    fn text_bytes(&self) -> usize {
        match self {
            Self::EditMessage { content, .. } => content.as_str().len(),
            Self::Rename { name } => name.as_str().len(),
            _ => 0,
        }
    }

    /// Returns the message that the action changes.
    pub fn message_id(&self) -> Option<MessageId> {
        match self {
            Self::EditMessage { message_id, .. }
            | Self::DeleteMessage { message_id }
            | Self::RemoveMessage { message_id }
            | Self::React { message_id, .. }
            | Self::ClearReactions { message_id, .. }
            | Self::Pin { message_id, .. } => Some(*message_id),
            Self::AddMember { .. } | Self::RemoveMember { .. } | Self::SetRole { .. } | Self::Rename { .. } => None,
        }
    }

    /// Returns the message if the action is a reaction. Reactions of one conversation can share a batch.
    pub fn reacts_to(&self) -> Option<MessageId> {
        if let Self::React { message_id, .. } = self { Some(*message_id) } else { None }
    }

    /// Returns the emoji if the action is a reaction.
    pub fn emoji(&self) -> Option<&Emoji> {
        if let Self::React { emoji, .. } = self { Some(emoji) } else { None }
    }
}

/// The result of a write that was not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The write was committed.
    Committed(Event),
    /// The write was committed. Another command of its batch has the event of both.
    Merged,
    /// The same write was committed before. This is the message as it is now.
    Duplicate(Message),
    /// The state was the same already.
    NoChange,
}

impl Outcome {
    /// Returns the event if the write caused one.
    pub fn event(&self) -> Option<&Event> {
        match self {
            Self::Committed(event) => Some(event),
            Self::Merged | Self::Duplicate(_) | Self::NoChange => None,
        }
    }

    /// Returns the outcome of a command whose id is in the conversation already.
    ///
    /// A write of the same user is a retry, even if the user has left since. A write of another member fails with `id_taken`, which reveals
    /// nothing of the first one. For any other user there is no such conversation.
    pub fn duplicate(stored: Message, actor_id: UserId, is_member: bool) -> Result<Self> {
        let is_retry = stored.sender_id == actor_id;
        if is_retry { Ok(Self::Duplicate(stored)) } else { Err(id_taken(is_member)) }
    }

    /// The same for a send. Nobody sends a system message, so the id of one is taken.
    pub fn duplicate_send(stored: Message, sender_id: UserId, is_member: bool) -> Result<Self> {
        if stored.note.is_some() { Err(id_taken(is_member)) } else { Self::duplicate(stored, sender_id, is_member) }
    }
}

/// Returns the error for an id that another write has used. Who is not a member learns nothing of it.
fn id_taken(is_member: bool) -> Error {
    if is_member {
        Error::new(Code::IdTaken, "This id is already used in the conversation. Choose another.")
    } else {
        Error::not_found("conversation")
    }
}
