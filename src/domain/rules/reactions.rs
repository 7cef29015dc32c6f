//! The rules of reactions. The reactions to one message in a batch share one decision and thus one event, so that thousands of users who
//! react at once do not cause thousands of events for each other.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use super::contact::declined;
use super::{Decision, Facts, NewEvent, RowWrite, Verdict};
use crate::domain::command::{Action, Command, Outcome};
use crate::domain::conversation::{ConversationKind, Member, Role};
use crate::domain::emoji::Emoji;
use crate::domain::event::{EventKind, Payload};
use crate::domain::message::Message;
use crate::domain::reactions::Reactions;
use crate::domain::{Error, MessageId, Result, UserId};
use crate::limits;

/// The facts of one reaction. Those of its message are the same for all reactions of its group.
#[derive(Clone, Debug, Default)]
pub struct Reactor {
    /// The user who reacts, if they are a member.
    pub actor: Option<Member>,
    /// The user has reacted to the message with this emoji.
    pub has_reacted: bool,
    /// The kinds of the message that the user has, if the message does not have this one or may lose it: see [`adds_removed_kinds`].
    pub own_kinds: Vec<Emoji>,
}

/// Returns the groups of a batch, as indices of its commands: all reactions to one message are a group, and every other command is one.
/// Groups of one conversation follow one another.
pub fn groups(batch: &[Command]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::with_capacity(batch.len());
    let mut places = HashMap::new();
    for (index, command) in batch.iter().enumerate() {
        let place = match command.action.reacts_to() {
            Some(message_id) => *places.entry((command.conversation_id, message_id)).or_insert(groups.len()),
            None => groups.len(),
        };
        match groups.get_mut(place) {
            Some(group) => group.push(index),
            None => groups.push(vec![index]),
        }
    }
    if places.len() > 1 {
        groups.sort_by_key(|group| batch[group[0]].conversation_id);
    }
    groups
}

/// Returns for each command of a group if it adds a kind that the group removes too: the message may be without it when the command is decided.
pub fn adds_removed_kinds(commands: &[&Command]) -> Vec<bool> {
    let removed: HashSet<&Emoji> = commands.iter().filter_map(|command| kind(command, false)).collect();
    let adds_removed = |command: &&Command| kind(command, true).is_some_and(|emoji| removed.contains(emoji));
    commands.iter().map(adds_removed).collect()
}

/// Returns the kind that a command adds, or removes.
fn kind(command: &Command, adds: bool) -> Option<&Emoji> {
    match &command.action {
        Action::React { emoji, is_added, .. } if *is_added == adds => Some(emoji),
        _ => None,
    }
}

/// Decides the reactions to one message. `facts` are those of the first command, and `others` those of the commands behind it. The first
/// command that changes something gets the decision for all.
pub(super) fn decide(commands: &[&Command], facts: &Facts, others: &[Reactor]) -> Vec<Result<Verdict>> {
    let mut fold = Fold::new(facts);
    let first = Reacting { actor: facts.actor.as_ref(), has_reacted: facts.has_reacted, own_kinds: &facts.own_kinds };
    let others = others.iter().map(|Reactor { actor, has_reacted, own_kinds }| Reacting {
        actor: actor.as_ref(),
        has_reacted: *has_reacted,
        own_kinds,
    });
    let reactors = std::iter::once(first).chain(others);
    let has_changed: Vec<Result<bool>> =
        commands.iter().zip(reactors).map(|(command, reactor)| fold.add(command, &reactor)).collect();
    let mut decision = fold.decision();
    let is_event = decision.is_some();
    let mut verdict = |has_changed| match decision.take_if(|_| has_changed) {
        Some(decision) => Verdict::Write(decision),
        None if has_changed && is_event => Verdict::Nothing(Outcome::Merged),
        None => Verdict::Nothing(Outcome::NoChange),
    };
    has_changed.into_iter().map(|has_changed| has_changed.map(&mut verdict)).collect()
}

/// Decides a reaction alone.
pub(super) fn decide_one(command: &Command, facts: &Facts) -> Result<Verdict> {
    let verdict = decide(&[command], facts, &[]).pop();
    verdict.unwrap_or_else(|| Err(Error::internal("a reaction has no verdict")))
}

/// Decides that an admin removes all reactions of one kind, whoever reacted. The event names no users: only the counts change.
pub(super) fn clear(emoji: &Emoji, facts: &Facts) -> Result<Verdict> {
    let actor = facts.actor.as_ref().ok_or_else(|| Error::not_found("conversation"))?;
    let message = reactable(facts.message.as_ref())?;
    if facts.kind != ConversationKind::Group || actor.role < Role::Admin {
        return Err(Error::forbidden("Only an admin or the owner of a group can remove the reactions of others."));
    }
    if !message.reactions.contains(emoji) {
        return Ok(Verdict::Nothing(Outcome::NoChange));
    }
    let mut reactions = message.reactions.clone();
    reactions.clear(emoji);
    let payload = Some(payload(message.id, &reactions, None));
    let writes =
        vec![RowWrite::DeleteReactionsWith(message.seq, emoji.clone()), RowWrite::SetReactions(message.seq, reactions)];
    let event = NewEvent::Change { kind: EventKind::ReactionsChanged, message: None, payload };
    Ok(Verdict::Write(Decision { writes, event }))
}

/// Returns the message, if it is one that takes reactions.
fn reactable(message: Option<&Message>) -> Result<&Message> {
    let message = message.ok_or_else(|| Error::not_found("message"))?;
    if message.note.is_some() {
        return Err(Error::forbidden("System messages take no reactions."));
    }
    if message.deleted_at.is_some() { Err(Error::not_found("message")) } else { Ok(message) }
}

/// The facts of the reaction that is decided next.
struct Reacting<'a> {
    actor: Option<&'a Member>,
    has_reacted: bool,
    own_kinds: &'a [Emoji],
}

/// The state of a message's reactions while those of a group are decided one after the other.
struct Fold<'a> {
    message: Option<&'a Message>,
    /// The event names the users. In a large conversation they would outweigh it.
    names_users: bool,
    reactions: Reactions,
    /// In the order of their first appearance.
    changes: Vec<Change<'a>>,
    places: HashMap<(UserId, &'a Emoji), usize>,
}

/// A user's reaction before the group and after the commands so far.
struct Change<'a> {
    user_id: UserId,
    emoji: &'a Emoji,
    before: bool,
    now: bool,
}

impl<'a> Fold<'a> {
    fn new(facts: &'a Facts) -> Self {
        let message = facts.message.as_ref();
        Self {
            message,
            names_users: facts.member_count <= limits::SMALL_CONVERSATION_MEMBERS_MAX,
            reactions: message.map(|message| message.reactions.clone()).unwrap_or_default(),
            changes: Vec::new(),
            places: HashMap::new(),
        }
    }

    /// Decides one reaction. Returns false if it changes nothing.
    fn add(&mut self, command: &'a Command, reactor: &Reacting<'_>) -> Result<bool> {
        let Action::React { emoji, is_added, .. } = &command.action else {
            return Err(Error::internal("a command among reactions is none"));
        };
        let Reacting { actor, has_reacted, own_kinds } = *reactor;
        let actor = actor.ok_or_else(|| Error::not_found("conversation"))?;
        reactable(self.message)?;
        let key = (command.actor_id, emoji);
        let now = self.places.get(&key).map_or(has_reacted, |place| self.changes[*place].now);
        if now == *is_added {
            return Ok(false);
        }
        if *is_added {
            // A reaction is a message to the other user. A block does not keep users from taking one back.
            if actor.is_blocked {
                return Err(declined());
            }
            if !self.reactions.contains(emoji) {
                self.check_new_kind(command.actor_id, own_kinds)?;
            }
            self.reactions.add(emoji);
        } else {
            self.reactions.remove(emoji);
        }
        let place = *self.places.entry(key).or_insert(self.changes.len());
        if let Some(change) = self.changes.get_mut(place) {
            change.now = *is_added;
        } else {
            let user_id = command.actor_id;
            self.changes.push(Change { user_id, emoji, before: has_reacted, now: *is_added });
        }
        Ok(true)
    }

    /// Checks that a user can bring a kind that the message does not have. The counts are those of this moment: another user of the group may have
    /// left a kind to the user alone.
    fn check_new_kind(&self, user_id: UserId, own_kinds: &[Emoji]) -> Result<()> {
        let refuse = |detail: String| Err(Error::field("emoji", detail));
        if self.reactions.counts().len() >= limits::REACTION_KINDS_MAX {
            return refuse(format!("the message has {} kinds of reactions already", limits::REACTION_KINDS_MAX));
        }
        let is_own = |emoji: &Emoji| match self.places.get(&(user_id, emoji)) {
            Some(place) => self.changes[*place].now,
            None => own_kinds.contains(emoji),
        };
        let alone = self.reactions.counts().iter().filter(|kind| kind.count == 1 && is_own(&kind.emoji)).count();
        if alone >= limits::REACTION_KINDS_ALONE_MAX {
            let most = limits::REACTION_KINDS_ALONE_MAX;
            return refuse(format!("you have {most} kinds of reactions to this message that nobody else has"));
        }
        Ok(())
    }

    /// Returns the decision. `None` if all is as it was before.
    fn decision(mut self) -> Option<Decision> {
        self.changes.retain(|change| change.before != change.now);
        let message = self.message.filter(|_| !self.changes.is_empty())?;
        let row = |Change { user_id, emoji, now, .. }: &Change<'_>| {
            let (seq, user_id, emoji) = (message.seq, *user_id, (*emoji).clone());
            if *now {
                RowWrite::InsertReaction(seq, user_id, emoji)
            } else {
                RowWrite::DeleteReaction(seq, user_id, emoji)
            }
        };
        let mut writes: Vec<RowWrite> = self.changes.iter().map(row).collect();
        let names_users = self.names_users && self.changes.len() <= limits::REACTION_CHANGES_MAX;
        let payload = payload(message.id, &self.reactions, names_users.then_some(&self.changes));
        writes.push(RowWrite::SetReactions(message.seq, self.reactions));
        let (kind, payload) = (EventKind::ReactionsChanged, Some(payload));
        Some(Decision { writes, event: NewEvent::Change { kind, message: None, payload } })
    }
}

/// Returns the fields of the event. The message itself is not among them: a text of 16 KiB would ride along with every reaction to it.
fn payload(message_id: MessageId, reactions: &Reactions, changes: Option<&Vec<Change<'_>>>) -> Payload {
    let mut json = format!(r#"{{"message_id":"{message_id}","reactions":["#);
    // Writing to a string does not fail, and an emoji needs no escaping.
    for (index, kind) in reactions.counts().iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let _ = write!(json, r#"{comma}{{"emoji":"{}","count":{}}}"#, kind.emoji, kind.count);
    }
    json.push(']');
    for (index, Change { user_id, emoji, now, .. }) in changes.into_iter().flatten().enumerate() {
        json.push_str(if index > 0 { "," } else { r#","changes":["# });
        let _ = write!(json, r#"{{"user_id":"{user_id}","emoji":"{emoji}","added":{now}}}"#);
    }
    json.push_str(if changes.is_some() { "]}" } else { "}" });
    Payload::from_trusted(json)
}

#[cfg(test)]
#[path = "reactions_tests.rs"]
mod tests;
