//! The rules of numbered writes, as pure functions.
//!
//! A store loads the [`Facts`] under the lock of the conversation's counter, calls [`decide`], and applies the [`Decision`] in the
//! same transaction. So all stores share the rules, and each decision sees the changes of the one before.

pub mod contact;
mod membership;
mod mentions;
mod messages;
mod pins;
mod reactions;
mod saved;
#[cfg(test)]
mod test_facts;

pub use membership::may_delete;
pub use mentions::{may_mention_all, mentions};
pub use reactions::{Reactor, adds_removed_kinds, groups};
pub use saved::save;

use std::collections::HashMap;

use super::command::{Action, Command, Outcome};
use super::conversation::{ConversationKind, GroupName, Member, Role};
use super::emoji::Emoji;
use super::event::{Event, EventKind, Payload};
use super::mentions::Mentions;
use super::message::{Message, SystemNote};
use super::reactions::Reactions;
use super::user::User;
use super::{MessageId, Result, Seq, UserId};
use contact::Consent;

/// The facts of a conversation under the lock. The command alone decides which of them are loaded.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Facts {
    pub kind: ConversationKind,
    pub name: Option<GroupName>,
    pub member_count: i64,
    /// The user who acts, if they are a member.
    pub actor: Option<Member>,
    /// The user whose membership the action changes, if they exist.
    pub target: Option<User>,
    /// The role of `target`, if they are a member.
    pub target_role: Option<Role>,
    /// The consent of `target`, if the action adds them.
    pub target_consent: Consent,
    /// The message with the id of [`Command::lookup_id`], if there is one.
    pub message: Option<Message>,
    /// The actor has reacted to `message` with the emoji of the command, if the action is a reaction.
    pub has_reacted: bool,
    /// The kinds of `message` that the actor has, if the action is a reaction with a kind that `message` does not have or may lose in the batch.
    pub own_kinds: Vec<Emoji>,
    /// The number of pinned messages, if the action pins one.
    pub pins: i64,
    /// The user who pinned `message`, if the action unpins it.
    pub pinned_by: Option<UserId>,
    /// The members whom a new text may mention, by their folded usernames.
    pub mentioned: HashMap<String, UserId>,
}

impl Command {
    /// Returns the id of the message among the facts: the message that the action changes, or else the system message of an earlier try.
    pub fn lookup_id(&self) -> MessageId {
        self.action.message_id().unwrap_or(self.id)
    }
}

/// A change of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowWrite {
    /// Adds a member, whose receipts start at the event's number. The user's membership version rises.
    InsertMember(UserId, Role),
    /// Makes this user a contact of the actor, unless they are one.
    InsertContact(UserId),
    /// Removes a member. The user's membership version rises.
    DeleteMember(UserId),
    /// Notes that this user left by themselves.
    InsertLeaver(UserId),
    /// Removes that note.
    DeleteLeaver(UserId),
    /// Changes a member's role.
    SetRole(UserId, Role),
    /// Changes the conversation's name.
    SetName(GroupName),
    /// Changes a message's text, time of editing, time of deletion, reactions, mentions and further fields.
    UpdateMessage(Box<Message>),
    /// Adds a user's reaction to the message with this number.
    InsertReaction(Seq, UserId, Emoji),
    /// Removes one.
    DeleteReaction(Seq, UserId, Emoji),
    /// Removes all reactions with this emoji to the message with this number. A group has at most [`crate::limits::GROUP_MEMBERS_MAX`].
    DeleteReactionsWith(Seq, Emoji),
    /// Changes the counts beside the message with this number.
    SetReactions(Seq, Reactions),
    /// Pins the message with this number, at the time of the command and by its actor.
    Pin(Seq),
    /// Unpins it.
    Unpin(Seq),
    /// Removes these mentions of the message with this number from what is counted. An edit adds none.
    DeleteMentions(Seq, Mentions),
    /// Leaves the rows of the reactions to a deleted message to the sweeper. They may be many.
    SweepReactions(Seq),
    /// Remembers that an operator removed a message, for the nodes that look for removals.
    InsertRemoval(MessageId),
}

impl RowWrite {
    /// Returns the user who joins or leaves, and the change of the number of members.
    fn joins_or_leaves(&self) -> Option<(UserId, i64)> {
        match self {
            Self::InsertMember(user_id, _) => Some((*user_id, 1)),
            Self::DeleteMember(user_id) => Some((*user_id, -1)),
            Self::InsertContact(_)
            | Self::InsertLeaver(_)
            | Self::DeleteLeaver(_)
            | Self::SetRole(..)
            | Self::SetName(_)
            | Self::UpdateMessage(_)
            | Self::InsertReaction(..)
            | Self::DeleteReaction(..)
            | Self::DeleteReactionsWith(..)
            | Self::SetReactions(..)
            | Self::Pin(_)
            | Self::Unpin(_)
            | Self::DeleteMentions(..)
            | Self::SweepReactions(_)
            | Self::InsertRemoval(_) => None,
        }
    }

    /// Returns the change of the number of members.
    pub fn growth(&self) -> i64 {
        self.joins_or_leaves().map_or(0, |(_, growth)| growth)
    }

    /// Returns the user whose membership version rises.
    pub fn joined_or_left(&self) -> Option<UserId> {
        self.joins_or_leaves().map(|(user_id, _)| user_id)
    }
}

/// The event of a command, before it has a number.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "a decision has one, and lives as long as its command is applied")]
pub enum NewEvent {
    /// A system message is the event itself. It advances the actor's receipts and makes its conversation the latest.
    SystemMessage {
        /// For programs.
        note: SystemNote,
        /// For users.
        content: String,
    },
    /// Any other event. The store keeps it in the table of changes.
    Change {
        /// The kind of the event.
        kind: EventKind,
        /// The changed message as it is now.
        message: Option<Message>,
        /// Further public fields of the frame.
        payload: Option<Payload>,
    },
}

/// The effect of a command: its event, and changes of rows, at most one for each row.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Decision {
    pub writes: Vec<RowWrite>,
    pub event: NewEvent,
}

impl Decision {
    /// Returns the event with its number.
    pub fn event(&self, command: &Command, seq: Seq) -> Event {
        let conversation_id = command.conversation_id;
        match &self.event {
            NewEvent::SystemMessage { note, content } => Event::created(Message {
                note: Some(note.clone()),
                ..Message::new(command.id, conversation_id, seq, command.actor_id, content.clone(), command.timestamp)
            }),
            NewEvent::Change { kind, message, payload } => {
                Event { conversation_id, seq, kind: kind.clone(), message: message.clone(), payload: payload.clone() }
            }
        }
    }

    /// Returns the change of the number of members.
    pub fn growth(&self) -> i64 {
        self.writes.iter().map(RowWrite::growth).sum()
    }
}

/// The result of a command that is not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The store applies the decision.
    Write(Decision),
    /// The store writes nothing.
    Nothing(Outcome),
}

/// Decides the commands of one of the [`groups`] of a batch. `facts` are those of the first command, and `others` those of the reactions behind
/// it. Returns one result for each command. At most one of them is a decision.
pub fn decide_group(commands: &[&Command], facts: &Facts, others: &[Reactor]) -> Vec<Result<Verdict>> {
    match commands {
        [command] => vec![decide(command, facts)],
        _ => reactions::decide(commands, facts, others),
    }
}

/// Decides a command.
pub fn decide(command: &Command, facts: &Facts) -> Result<Verdict> {
    // An action that changes no message writes a system message. If that exists, an earlier try was committed.
    if let (None, Some(stored)) = (command.action.message_id(), &facts.message) {
        return Outcome::duplicate(stored.clone(), command.actor_id, true).map(Verdict::Nothing);
    }
    match &command.action {
        Action::EditMessage { content, .. } => messages::edit(content, command, facts),
        Action::DeleteMessage { .. } => messages::delete(command, facts),
        Action::RemoveMessage { .. } => messages::remove(command, facts),
        Action::React { .. } => reactions::decide_one(command, facts),
        Action::ClearReactions { emoji, .. } => reactions::clear(emoji, facts),
        Action::Pin { is_pinned: true, .. } => pins::pin(command, facts),
        Action::Pin { is_pinned: false, .. } => pins::unpin(command, facts),
        Action::AddMember { user_id, role } => membership::add(*user_id, *role, facts),
        Action::RemoveMember { user_id } => membership::remove(*user_id, facts),
        Action::SetRole { user_id, role } => membership::set_role(*user_id, *role, facts),
        Action::Rename { name } => membership::rename(name, facts),
    }
}
