//! Changes of members or name. The transaction is the lock of the counter.

use rusqlite::{Connection, params};

use super::commit::ADVANCE_RECEIPTS;
use super::conversations::conversation;
use super::members::member;
use super::messages::message;
use super::sql::{one, run, sql};
use super::users::user;
use crate::domain::command::{Change, Outcome};
use crate::domain::event::Event;
use crate::domain::membership::{Decision, Effect, Facts, decide};
use crate::domain::message::Message;
use crate::domain::{Error, Result, Seq, Timestamp};
use crate::store::queries;

/// Changes members or name, and notes it.
pub(super) fn change(db: &Connection, change: &Change) -> Result<Outcome> {
    let Change { conversation_id: id, actor_id, .. } = *change;
    let Some(before) = one(db, sql!(queries::conversations::CONVERSATION), params![id], conversation)? else {
        return Err(Error::not_found("conversation"));
    };
    if let Some(stored) = one(db, sql!(queries::messages::MESSAGE), params![id, change.id], message)? {
        return Outcome::repeated(stored, actor_id, true);
    }
    let target_id = change.action.user_id();
    let facts = Facts {
        kind: before.kind,
        name: before.name,
        member_count: before.member_count,
        actor: one(db, sql!(queries::members::MEMBER), params![id, actor_id], member)?,
        target: one(db, sql!(queries::users::USER), params![target_id], user)?,
        target_role: one(db, sql!(queries::members::MEMBER), params![id, target_id], member)?.map(|member| member.role),
    };
    let Some(decision) = decide(&change.action, &facts)? else {
        return Ok(Outcome::Unchanged);
    };
    let seq = before.last_seq + 1;
    let joined = apply(db, change, &decision.effects, seq)?;
    let active_at = before.active_at.max(change.timestamp);
    run(db, sql!(queries::heads::ADVANCE_COUNTER), params![id, seq, joined, active_at])?;
    let note = note(db, change, decision, seq)?;
    run(db, ADVANCE_RECEIPTS, params![id, actor_id, seq])?;
    Ok(Outcome::Fresh(Event::created(note)))
}

/// Applies what was decided; returns by how many the members became more.
fn apply(db: &Connection, change: &Change, effects: &[Effect], seq: Seq) -> Result<i64> {
    let id = change.conversation_id;
    let mut joined = 0;
    for effect in effects {
        match effect {
            Effect::Insert(user_id, role) => {
                run(db, sql!(queries::members::INSERT_MEMBER), params![id, user_id, role, change.timestamp, seq])?;
                run(db, sql!(queries::members::RAISE_MEMBERSHIP_VERSION), params![user_id])?;
                joined += 1;
            }
            Effect::Delete(user_id) => {
                run(db, sql!(queries::members::DELETE_MEMBER), params![id, user_id])?;
                run(db, sql!(queries::members::RAISE_MEMBERSHIP_VERSION), params![user_id])?;
                joined -= 1;
            }
            Effect::SetRole(user_id, role) => {
                run(db, sql!(queries::members::SET_ROLE), params![id, role, user_id])?;
            }
            Effect::SetName(name) => {
                run(db, sql!(queries::conversations::SET_NAME), params![id, name.as_str()])?;
            }
        }
    }
    Ok(joined)
}

/// Keeps the system message.
fn note(db: &Connection, change: &Change, decision: Decision, seq: Seq) -> Result<Message> {
    let Decision { note, content, .. } = decision;
    run(
        db,
        sql!(queries::messages::INSERT_MESSAGE),
        params![
            change.id,
            change.conversation_id,
            seq,
            change.actor_id,
            content,
            None::<&str>,
            change.timestamp,
            None::<Timestamp>,
            None::<Timestamp>,
            note.kind(),
            note.user_id(),
            note.value()
        ],
    )?;
    Ok(Message {
        id: change.id,
        conversation_id: change.conversation_id,
        seq,
        sender_id: change.actor_id,
        content,
        reply_to: None,
        timestamp: change.timestamp,
        edited_at: None,
        deleted_at: None,
        note: Some(note),
    })
}
