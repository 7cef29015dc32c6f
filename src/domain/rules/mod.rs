//! The rules of numbered writes, as pure functions.
//!
//! A store loads the [`Facts`] under the lock of the conversation's counter, calls [`decide`], and applies the [`Decision`] in the
//! same transaction. So the rules stand once for all stores, and no two changes can cross.

mod membership;
mod messages;

pub use membership::may_delete;

use super::command::{Action, Command, Outcome};
use super::conversation::{ConversationKind, GroupName, Member, Role};
use super::event::{Event, EventKind, Payload};
use super::message::{Message, SystemNote};
use super::user::User;
use super::{MessageId, Result, Seq, UserId};

/// What is true of the conversation under the lock. Which facts are loaded depends on the command alone.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Direct or group.
    pub kind: ConversationKind,
    /// The conversation's name.
    pub name: Option<GroupName>,
    /// The number of its members.
    pub member_count: i64,
    /// The user who acts, if they are a member.
    pub actor: Option<Member>,
    /// The user whom the action concerns, if they exist.
    pub target: Option<User>,
    /// That user's role, if they are a member.
    pub target_role: Option<Role>,
    /// The message with the id of [`Command::lookup_id`], if there is one.
    pub message: Option<Message>,
}

impl Command {
    /// The id of the message among the facts: the message that the action concerns, or else an earlier try's system message.
    pub fn lookup_id(&self) -> MessageId {
        self.action.message_id().unwrap_or(self.id)
    }
}

/// One row that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowWrite {
    /// A member is added, whose receipts start at the event's number; their membership version rises.
    InsertMember(UserId, Role),
    /// A member is removed; their membership version rises.
    DeleteMember(UserId),
    /// A member's role changes.
    SetRole(UserId, Role),
    /// The conversation's name changes.
    SetName(GroupName),
    /// A message gets this text, time of editing and time of deletion.
    UpdateMessage(Box<Message>),
}

impl RowWrite {
    /// By how much the number of members changes.
    pub fn growth(&self) -> i64 {
        match self {
            Self::InsertMember(..) => 1,
            Self::DeleteMember(_) => -1,
            Self::SetRole(..) | Self::SetName(_) | Self::UpdateMessage(_) => 0,
        }
    }

    /// The user whose membership version rises.
    pub fn joined_or_left(&self) -> Option<UserId> {
        match self {
            Self::InsertMember(user_id, _) | Self::DeleteMember(user_id) => Some(*user_id),
            Self::SetRole(..) | Self::SetName(_) | Self::UpdateMessage(_) => None,
        }
    }
}

/// The event that a command causes, before it has a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewEvent {
    /// A system message, which is the event itself. It advances the actor's receipts and makes its conversation the latest.
    SystemMessage {
        /// For programs.
        note: SystemNote,
        /// For people.
        content: String,
    },
    /// Anything else, kept in the table of changes.
    Change {
        /// What happened.
        kind: EventKind,
        /// The message that it happened to, as it is now.
        message: Option<Message>,
        /// The frame's other public fields.
        payload: Option<Payload>,
    },
}

/// What a command does: the rows that change, no two of them the same, and the event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Decision {
    pub writes: Vec<RowWrite>,
    pub event: NewEvent,
}

impl Decision {
    /// The event with its number.
    pub fn event(&self, command: &Command, seq: Seq) -> Event {
        let conversation_id = command.conversation_id;
        match &self.event {
            NewEvent::SystemMessage { note, content } => Event::created(Message {
                id: command.id,
                conversation_id,
                seq,
                sender_id: command.actor_id,
                content: content.clone(),
                reply_to: None,
                timestamp: command.timestamp,
                edited_at: None,
                deleted_at: None,
                note: Some(note.clone()),
                extra: None,
            }),
            NewEvent::Change { kind, message, payload } => {
                Event { conversation_id, seq, kind: kind.clone(), message: message.clone(), payload: payload.clone() }
            }
        }
    }

    /// By how much the number of members changes.
    pub fn growth(&self) -> i64 {
        self.writes.iter().map(RowWrite::growth).sum()
    }
}

/// The result of a command that is not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It happens.
    Write(Decision),
    /// Nothing is to be written.
    Nothing(Outcome),
}

/// Decides a command.
pub fn decide(command: &Command, facts: &Facts) -> Result<Verdict> {
    // An action about no message leaves a system message. If that is there, an earlier try was committed.
    if let (None, Some(stored)) = (command.action.message_id(), &facts.message) {
        return Outcome::duplicate(stored.clone(), command.actor_id, true).map(Verdict::Nothing);
    }
    match &command.action {
        Action::EditMessage { content, .. } => messages::edit(content, command, facts),
        Action::DeleteMessage { .. } => messages::delete(command, facts),
        Action::AddMember { user_id, role } => membership::add(*user_id, *role, facts),
        Action::RemoveMember { user_id } => membership::remove(*user_id, facts),
        Action::SetRole { user_id, role } => membership::set_role(*user_id, *role, facts),
        Action::Rename { name } => membership::rename(name, facts),
    }
}
