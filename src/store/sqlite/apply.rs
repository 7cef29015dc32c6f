//! Applies commands, a batch in each transaction. SQLite has one write transaction at a time, which is the lock of every counter.

use rusqlite::{Connection, params};

use super::commit::ADVANCE_RECEIPTS;
use super::contacts::{consent, delete_leaver, insert_contact, insert_leaver};
use super::conversations::conversation;
use super::members::member;
use super::messages::message;
use super::sql::{one, run, sql};
use super::users::user;
use crate::domain::command::{Action, Command, Outcome};
use crate::domain::conversation::Conversation;
use crate::domain::event::{Event, Payload};
use crate::domain::message::SystemNote;
use crate::domain::rules::contact::Consent;
use crate::domain::rules::{Decision, Facts, RowWrite, Verdict, decide};
use crate::domain::{Error, Result, Seq};
use crate::store::queries::conversations::{CONVERSATION, SET_NAME};
use crate::store::queries::heads::ADVANCE_COUNTER;
use crate::store::queries::members::{DELETE_MEMBER, INSERT_MEMBER, MEMBER, RAISE_MEMBERSHIP_VERSION, SET_ROLE};
use crate::store::queries::messages::{INSERT_CHANGE, INSERT_MESSAGE, MESSAGE, UPDATE_MESSAGE};
use crate::store::queries::reports::INSERT_REMOVAL;
use crate::store::queries::users::LIVE_USER;

/// Applies `batch`. Returns one result for each command. Fails as a whole if the database fails.
pub(super) fn apply(db: &Connection, batch: &[Command]) -> Result<Vec<Result<Outcome>>> {
    batch.iter().map(|command| apply_one(db, command)).collect()
}

fn apply_one(db: &Connection, command: &Command) -> Result<Result<Outcome>> {
    let Some(before) = one(db, sql!(CONVERSATION), params![command.conversation_id], conversation)? else {
        return Ok(Err(Error::not_found("conversation")));
    };
    let facts = facts(db, command, &before)?;
    Ok(match decide(command, &facts) {
        Ok(Verdict::Write(decision)) => Ok(Outcome::Committed(write(db, command, &before, &decision)?)),
        Ok(Verdict::Nothing(outcome)) => Ok(outcome),
        Err(refusal) => Err(refusal),
    })
}

/// Loads the facts on which the command is decided.
fn facts(db: &Connection, command: &Command, before: &Conversation) -> Result<Facts> {
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
    Ok(Facts {
        kind: before.kind,
        name: before.name.clone(),
        member_count: before.member_count,
        actor: one(db, sql!(MEMBER), params![id, command.actor_id], member)?,
        target,
        target_role,
        target_consent,
        message: one(db, sql!(MESSAGE), params![id, command.lookup_id()], message)?,
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
            let row = params![id, message.seq, message.content, message.edited_at, message.deleted_at, extra];
            run(db, sql!(UPDATE_MESSAGE), row)
        }
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
