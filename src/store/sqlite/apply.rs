//! Applies commands, a batch in each transaction. SQLite has one write transaction at a time, which is the lock of every counter.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use super::commit::ADVANCE_RECEIPTS;
use super::contacts::{consent, delete_leaver, insert_contact, insert_leaver};
use super::conversations::conversation;
use super::members::member;
use super::mentions::{delete as delete_mentions, mentioned_members};
use super::messages::message;
use super::quotes::add_quotes;
use super::reactions::has_reacted;
use super::rows::value;
use super::sql::{one, run, sql};
use super::users::user;
use crate::domain::command::{Action, Command, Outcome};
use crate::domain::conversation::Conversation;
use crate::domain::event::{Event, Payload};
use crate::domain::mentions::MentionedNames;
use crate::domain::message::{Message, SystemNote};
use crate::domain::rules::contact::Consent;
use crate::domain::rules::{Decision, Facts, Reactor, RowWrite, Verdict, adds_removed_kinds, decide_group, groups};
use crate::domain::{Error, Result, Seq, Timestamp};
use crate::store::queries::conversations::{CONVERSATION, SET_NAME};
use crate::store::queries::heads::ADVANCE_COUNTER;
use crate::store::queries::members::{DELETE_MEMBER, INSERT_MEMBER, MEMBER, RAISE_MEMBERSHIP_VERSION, SET_ROLE};
use crate::store::queries::messages::{INSERT_CHANGE, INSERT_MESSAGE, MESSAGE, UPDATE_MESSAGE};
use crate::store::queries::pins::{COUNT_PINS, DELETE_PIN, INSERT_PIN, SET_PINNED};
use crate::store::queries::reactions::{DELETE_REACTION, INSERT_REACTION, INSERT_UNSWEPT, SET_REACTIONS};
use crate::store::queries::reports::INSERT_REMOVAL;
use crate::store::queries::users::LIVE_USER;

/// conversation, message_seq
const PINNED_BY: &str = "SELECT user_id FROM pins WHERE conversation_id = ?1 AND message_seq = ?2";
/// conversation, message_seq, emoji
const DELETE_REACTIONS_WITH: &str =
    "DELETE FROM reactions WHERE conversation_id = ?1 AND message_seq = ?2 AND emoji = ?3";

/// Applies `batch`. Returns one result for each command. Fails as a whole if the database fails.
pub(super) fn apply(db: &Connection, batch: &[Command]) -> Result<Vec<Result<Outcome>>> {
    let mut outcomes = vec![Ok(Outcome::NoChange); batch.len()];
    for group in groups(batch) {
        let commands: Vec<&Command> = group.iter().map(|index| &batch[*index]).collect();
        for (index, outcome) in group.iter().zip(apply_group(db, &commands)?) {
            outcomes[*index] = outcome;
        }
    }
    Ok(outcomes)
}

fn apply_group(db: &Connection, commands: &[&Command]) -> Result<Vec<Result<Outcome>>> {
    let [first, others @ ..] = commands else { return Ok(Vec::new()) };
    let Some(before) = one(db, sql!(CONVERSATION), params![first.conversation_id], conversation)? else {
        return Ok(vec![Err(Error::not_found("conversation")); commands.len()]);
    };
    let may_lose_kind = adds_removed_kinds(commands);
    let facts = facts(db, first, &before, may_lose_kind.first().copied().unwrap_or_default())?;
    let others = others.iter().zip(may_lose_kind.into_iter().skip(1));
    let others: Vec<Reactor> = others
        .map(|(command, may_lose_kind)| reactor(db, command, facts.message.as_ref(), may_lose_kind))
        .collect::<Result<_>>()?;
    let verdicts = decide_group(commands, &facts, &others);
    let outcome = |(command, verdict): (&&Command, Result<Verdict>)| {
        Ok(match verdict {
            Ok(Verdict::Write(decision)) => Ok(Outcome::Committed(write(db, command, &before, &decision)?)),
            Ok(Verdict::Nothing(outcome)) => Ok(outcome),
            Err(refusal) => Err(refusal),
        })
    };
    commands.iter().zip(verdicts).map(outcome).collect()
}

/// Loads the facts of one reaction to `message`, which may lose its kind before it is decided.
fn reactor(db: &Connection, command: &Command, message: Option<&Message>, may_lose_kind: bool) -> Result<Reactor> {
    let (id, user_id) = (command.conversation_id, command.actor_id);
    let mut reactor = Reactor { actor: one(db, sql!(MEMBER), params![id, user_id], member)?, ..Reactor::default() };
    if let (Action::React { emoji, .. }, Some(message)) = (&command.action, message) {
        reactor.has_reacted = has_reacted(db, id, message.seq, emoji, user_id)?;
        if may_lose_kind || !message.reactions.contains(emoji) {
            for kind in message.reactions.counts() {
                if has_reacted(db, id, message.seq, &kind.emoji, user_id)? {
                    reactor.own_kinds.push(kind.emoji.clone());
                }
            }
        }
    }
    Ok(reactor)
}

/// Loads the facts on which the command is decided. `may_lose_kind` is that of [`reactor`].
fn facts(db: &Connection, command: &Command, before: &Conversation, may_lose_kind: bool) -> Result<Facts> {
    let id = command.conversation_id;
    let (target, target_role) = match command.action.user_id() {
        Some(user_id) => match one(db, sql!(MEMBER), params![id, user_id], member)? {
            Some(member) => (Some(member.user), Some(member.role)),
            None => (one(db, sql!(LIVE_USER), params![user_id], user)?, None),
        },
        None => (None, None),
    };
    let target_consent = match command.action {
        Action::AddMember { user_id, .. } if target_role.is_none() => consent(db, id, user_id, command.actor_id)?,
        _ => Consent::default(),
    };
    let mut message = one(db, sql!(MESSAGE), params![id, command.lookup_id()], message)?;
    if matches!(command.action, Action::EditMessage { .. }) {
        add_quotes(db, &mut message)?;
    }
    let Reactor { actor, has_reacted, own_kinds } = reactor(db, command, message.as_ref(), may_lose_kind)?;
    let pins = match command.action {
        Action::Pin { is_pinned: true, .. } => one(db, sql!(COUNT_PINS), params![id], value)?.unwrap_or_default(),
        _ => 0,
    };
    let pinned_by = match (&command.action, &message) {
        (Action::Pin { is_pinned: false, .. }, Some(message)) => one(db, PINNED_BY, params![id, message.seq], value)?,
        _ => None,
    };
    let mentioned = match &command.action {
        Action::EditMessage { content, .. } => mentioned_members(db, id, &MentionedNames::of(content.as_str()))?,
        _ => HashMap::new(),
    };
    Ok(Facts {
        kind: before.kind,
        name: before.name.clone(),
        member_count: before.member_count,
        actor,
        target,
        target_role,
        target_consent,
        message,
        has_reacted,
        own_kinds,
        pins,
        pinned_by,
        mentioned,
    })
}

/// Writes the rows of a decision and its event. Returns the event.
fn write(db: &Connection, command: &Command, before: &Conversation, decision: &Decision) -> Result<Event> {
    let (id, seq) = (command.conversation_id, before.last_seq + 1);
    for row in &decision.writes {
        write_row(db, command, seq, row)?;
        if let Some(user_id) = row.joined_or_left() {
            run(db, sql!(RAISE_MEMBERSHIP_VERSION), params![user_id])?;
        }
    }
    let event = decision.event(command, seq);
    let mut active_at = before.active_at;
    if event.is_message() {
        active_at = active_at.max(command.timestamp);
        insert_message(db, &event)?;
        run(db, ADVANCE_RECEIPTS, params![id, command.actor_id, seq])?;
    } else {
        let message_seq = event.message.as_ref().map(|message| message.seq);
        let payload = event.payload.as_ref().map(Payload::as_str);
        run(db, sql!(INSERT_CHANGE), params![id, seq, event.kind.as_str(), message_seq, payload])?;
    }
    run(db, sql!(ADVANCE_COUNTER), params![id, seq, decision.growth(), active_at])?;
    Ok(event)
}

fn write_row(db: &Connection, command: &Command, seq: Seq, row: &RowWrite) -> Result<usize> {
    let id = command.conversation_id;
    match row {
        RowWrite::InsertMember(user_id, role) => {
            run(db, sql!(INSERT_MEMBER), params![id, user_id, role, command.timestamp, seq])
        }
        RowWrite::InsertContact(user_id) => insert_contact(db, command.actor_id, *user_id),
        RowWrite::InsertLeaver(user_id) => insert_leaver(db, id, *user_id),
        RowWrite::DeleteLeaver(user_id) => delete_leaver(db, id, *user_id),
        RowWrite::DeleteMember(user_id) => run(db, sql!(DELETE_MEMBER), params![id, user_id]),
        RowWrite::SetRole(user_id, role) => run(db, sql!(SET_ROLE), params![id, role, user_id]),
        RowWrite::SetName(name) => run(db, sql!(SET_NAME), params![id, name.as_str()]),
        RowWrite::UpdateMessage(message) => {
            let extra = message.extra.as_ref().map(Payload::as_str);
            let Message { seq, content, edited_at, deleted_at, reactions, mentions, .. } = &**message;
            let (reactions, mentions) = (reactions.stored(), mentions.stored());
            let row = params![id, seq, content, edited_at, deleted_at, extra, reactions, mentions];
            run(db, sql!(UPDATE_MESSAGE), row)
        }
        RowWrite::InsertReaction(message_seq, user_id, emoji) => {
            run(db, sql!(INSERT_REACTION), params![id, message_seq, emoji.as_str(), user_id])
        }
        RowWrite::DeleteReaction(message_seq, user_id, emoji) => {
            run(db, sql!(DELETE_REACTION), params![id, message_seq, emoji.as_str(), user_id])
        }
        RowWrite::DeleteReactionsWith(message_seq, emoji) => {
            run(db, DELETE_REACTIONS_WITH, params![id, message_seq, emoji.as_str()])
        }
        RowWrite::SetReactions(message_seq, reactions) => {
            run(db, sql!(SET_REACTIONS), params![id, message_seq, reactions.stored()])
        }
        RowWrite::Pin(message_seq) => {
            let at = command.timestamp;
            run(db, sql!(INSERT_PIN), params![id, message_seq, command.actor_id, at])?;
            run(db, sql!(SET_PINNED), params![id, message_seq, at])
        }
        RowWrite::Unpin(message_seq) => {
            run(db, sql!(DELETE_PIN), params![id, message_seq])?;
            run(db, sql!(SET_PINNED), params![id, message_seq, None::<Timestamp>])
        }
        RowWrite::DeleteMentions(message_seq, mentions) => delete_mentions(db, id, *message_seq, mentions),
        RowWrite::SweepReactions(message_seq) => run(db, sql!(INSERT_UNSWEPT), params![id, message_seq]),
        RowWrite::InsertRemoval(message_id) => {
            run(db, sql!(INSERT_REMOVAL), params![id, message_id, command.timestamp])
        }
    }
}

/// Inserts an event's message.
fn insert_message(db: &Connection, event: &Event) -> Result<()> {
    let Some(message) = &event.message else { return Ok(()) };
    let note = message.note.as_ref();
    let row = params![
        message.id,
        message.conversation_id,
        message.seq,
        message.sender_id,
        message.content,
        message.reply_to,
        message.timestamp,
        message.edited_at,
        message.deleted_at,
        note.map(|note| note.kind().as_str().to_owned()),
        note.and_then(SystemNote::user_id),
        note.and_then(SystemNote::value),
        message.extra.as_ref().map(Payload::as_str)
    ];
    run(db, sql!(INSERT_MESSAGE), row).map(drop)
}
