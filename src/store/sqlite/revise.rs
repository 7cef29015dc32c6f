//! Revisions of messages. The transaction is the lock of the counter.

use rusqlite::{Connection, params};

use super::conversations::conversation;
use super::members::member;
use super::messages::message;
use super::sql::{one, run, sql};
use crate::domain::command::{Outcome, Revision};
use crate::domain::event::Event;
use crate::domain::revision::{self, Revised};
use crate::domain::{Error, Result};
use crate::store::queries;

/// Edits or deletes a message, and numbers that.
pub(super) fn revise(db: &Connection, revision: &Revision) -> Result<Outcome> {
    let Revision { conversation_id: id, message_id, actor_id, .. } = *revision;
    let before = one(db, sql!(queries::conversations::CONVERSATION), params![id], conversation)?;
    let before = before.ok_or_else(|| Error::not_found("conversation"))?;
    let role = one(db, sql!(queries::members::MEMBER), params![id, actor_id], member)?.map(|member| member.role);
    let stored = one(db, sql!(queries::messages::MESSAGE), params![id, message_id], message)?;
    let (happening, message) = match revision::revise(revision, role, stored)? {
        Revised::Changed(happening, message) => (happening, message),
        Revised::Already(message) => return Ok(Outcome::Repeated(message)),
    };
    let seq = before.last_seq + 1;
    let row = params![id, message.seq, message.content, message.edited_at, message.deleted_at];
    run(db, sql!(queries::messages::REVISE_MESSAGE), row)?;
    run(db, sql!(queries::messages::INSERT_CHANGE), params![id, seq, happening.change(), message.seq])?;
    // An old message that is mended does not make its conversation the latest.
    run(db, sql!(queries::heads::ADVANCE_COUNTER), params![id, seq, 0, before.active_at])?;
    Ok(Outcome::Fresh(Event { seq, happening, message }))
}
