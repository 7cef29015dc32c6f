//! Conversations as a whole: made, changed by the rules of membership, deleted.

use rusqlite::{Connection, params};

use super::commit::ADVANCE_RECEIPTS;
use super::rows::{conversation, first, member, message, user};
use super::sql::{all, one, run, sql};
use crate::domain::command::{Change, Outcome};
use crate::domain::conversation::{NewConversation, Role, Title};
use crate::domain::event::Event;
use crate::domain::membership::{Decision, Effect, Facts, decide};
use crate::domain::message::Message;
use crate::domain::{ConversationId, Error, Result, Seq, Timestamp, UserId};
use crate::store::queries;

/// Makes a conversation; the one that is there if the pair has one, or if this one was made by an earlier try.
pub(super) fn create(db: &Connection, new: &NewConversation) -> Result<(ConversationId, bool)> {
    let direct_key = new.direct_key();
    if let Some(id) = one(db, sql!(queries::EXISTING_CONVERSATION), params![new.id, direct_key], first)? {
        return Ok((id, false));
    }
    for id in &new.other_ids {
        if one(db, sql!(queries::USER), params![id], user)?.is_none() {
            return Err(Error::field("member_ids", format!("there is no user {id}")));
        }
    }
    let name = new.name.as_ref().map(Title::as_str);
    run(
        db,
        sql!(queries::INSERT_CONVERSATION),
        params![new.id, new.kind, name, new.creator_id, new.created_at, direct_key],
    )?;
    // Bounded by INITIAL_MEMBERS, and so far from where it could not be a number.
    let member_count = i64::try_from(new.other_ids.len()).unwrap_or(i64::MAX).saturating_add(1);
    run(db, sql!(queries::INSERT_COUNTER), params![new.id, member_count, new.created_at])?;
    let others = new.other_ids.iter().map(|id| (*id, Role::Member));
    for (user_id, role) in std::iter::once((new.creator_id, new.creator_role())).chain(others) {
        run(db, sql!(queries::INSERT_MEMBER), params![new.id, user_id, role, new.created_at, 0])?;
        run(db, sql!(queries::RAISE_MEMBERSHIP_VERSION), params![user_id])?;
    }
    Ok((new.id, true))
}

/// Deletes a conversation and all in it; returns who was in it.
pub(super) fn delete(db: &Connection, id: ConversationId, actor_id: UserId) -> Result<Vec<UserId>> {
    let actor = one(db, sql!(queries::MEMBER), params![id, actor_id], member)?;
    match actor.ok_or_else(|| Error::not_found("conversation"))?.role {
        Role::Owner => {}
        Role::Admin | Role::Member => return Err(Error::forbidden("Only the owner can delete the conversation.")),
    }
    let members = all(db, "SELECT user_id FROM members WHERE conversation_id = ?1", params![id], first)?;
    for user_id in &members {
        run(db, sql!(queries::RAISE_MEMBERSHIP_VERSION), params![user_id])?;
    }
    run(db, "DELETE FROM changes WHERE conversation_id = ?1", params![id])?;
    run(db, "DELETE FROM messages WHERE conversation_id = ?1", params![id])?;
    run(db, "DELETE FROM conversations WHERE id = ?1", params![id])?;
    Ok(members)
}

/// Changes members or name, and notes it.
pub(super) fn change(db: &Connection, change: &Change) -> Result<Outcome> {
    let Change { conversation_id: id, actor_id, .. } = *change;
    let Some(before) = one(db, sql!(queries::CONVERSATION), params![id], conversation)? else {
        return Err(Error::not_found("conversation"));
    };
    if let Some(stored) = one(db, sql!(queries::MESSAGE), params![id, change.id], message)? {
        return Outcome::repeated(stored, actor_id, true);
    }
    let target_id = change.action.user_id();
    let facts = Facts {
        kind: before.kind,
        name: before.name,
        member_count: before.member_count,
        actor: one(db, sql!(queries::MEMBER), params![id, actor_id], member)?,
        target: one(db, sql!(queries::USER), params![target_id], user)?,
        target_role: one(db, sql!(queries::MEMBER), params![id, target_id], member)?.map(|member| member.role),
    };
    let Some(decision) = decide(&change.action, &facts)? else {
        return Ok(Outcome::Unchanged);
    };
    let seq = before.last_seq + 1;
    let joined = apply(db, change, &decision.effects, seq)?;
    let active_at = before.active_at.max(change.timestamp);
    run(db, sql!(queries::ADVANCE_COUNTER), params![id, seq, joined, active_at])?;
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
                run(db, sql!(queries::INSERT_MEMBER), params![id, user_id, role, change.timestamp, seq])?;
                run(db, sql!(queries::RAISE_MEMBERSHIP_VERSION), params![user_id])?;
                joined += 1;
            }
            Effect::Delete(user_id) => {
                run(db, sql!(queries::DELETE_MEMBER), params![id, user_id])?;
                run(db, sql!(queries::RAISE_MEMBERSHIP_VERSION), params![user_id])?;
                joined -= 1;
            }
            Effect::SetRole(user_id, role) => {
                run(db, sql!(queries::SET_ROLE), params![id, role, user_id])?;
            }
            Effect::SetName(name) => {
                run(db, sql!(queries::SET_NAME), params![id, name.as_str()])?;
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
        sql!(queries::INSERT_MESSAGE),
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
