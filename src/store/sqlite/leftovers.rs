//! Leftovers of nodes of an older schema.

use async_trait::async_trait;
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::Sqlite;
use super::rows::{pair, value};
use super::sql::{all, one, run, sql};
use crate::domain::{ConversationId, Result, UserId};
use crate::store::leftovers::{Leftovers, LeftoversCursor, MessagePlace, last};
use crate::store::queries::leftovers::{PINS_AFTER, REACTIONS_AFTER, SETTINGS_AFTER};
use crate::store::queries::pins::DELETE_PIN;
use crate::store::queries::reactions::INSERT_UNSWEPT;
use crate::store::queries::row_limit;
use crate::store::queries::user_settings::shows_last_seen;

/// conversation, message_seq
const IS_LIVE: &str = "SELECT 1 FROM messages WHERE conversation_id = ?1 AND seq = ?2 AND deleted_at IS NULL";
/// user
const FORGET_HIDDEN: &str =
    concat!("UPDATE users SET last_seen_at = NULL WHERE id = ?1 AND NOT ", shows_last_seen!("users.id"));

/// The rows that an older node has left.
#[derive(Default)]
struct Found {
    pins: Vec<MessagePlace>,
    reactions: Vec<MessagePlace>,
    users: Vec<UserId>,
}

#[async_trait]
impl Leftovers for Sqlite {
    async fn sweep_leftovers(&self, cursor: LeftoversCursor, limit: usize) -> Result<LeftoversCursor> {
        let (next, found) = self.read(move |db| look(db, cursor, limit)).await?;
        let Found { pins, reactions, users } = found;
        if !(pins.is_empty() && reactions.is_empty() && users.is_empty()) {
            self.write(move |db| {
                for (id, seq) in pins {
                    run(db, sql!(DELETE_PIN), params![id, seq])?;
                }
                for (id, seq) in reactions {
                    run(db, sql!(INSERT_UNSWEPT), params![id, seq])?;
                }
                for id in users {
                    run(db, FORGET_HIDDEN, params![id])?;
                }
                Ok(())
            })
            .await?;
        }
        Ok(next)
    }
}

fn look(db: &Connection, cursor: LeftoversCursor, limit: usize) -> Result<(LeftoversCursor, Found)> {
    let page = |sql, after: Option<MessagePlace>| {
        let (id, seq) = after.unwrap_or((ConversationId::FIRST, 0));
        all(db, sql, params![id, seq, row_limit(limit)], pair)
    };
    let pins: Vec<MessagePlace> = page(sql!(PINS_AFTER), cursor.pins)?;
    let reactions: Vec<MessagePlace> = page(sql!(REACTIONS_AFTER), cursor.reactions)?;
    let after = cursor.settings.unwrap_or(UserId(Uuid::nil()));
    let settings: Vec<(UserId, bool)> = all(db, sql!(SETTINGS_AFTER), params![after, row_limit(limit)], pair)?;
    let next = LeftoversCursor {
        pins: last(&pins, limit),
        reactions: last(&reactions, limit),
        settings: last(&settings, limit).map(|(id, _)| id),
    };
    let users = settings.into_iter().filter_map(|(id, is_left)| is_left.then_some(id)).collect();
    Ok((next, Found { pins: orphans(db, pins)?, reactions: orphans(db, reactions)?, users }))
}

/// Returns those of these messages that are deleted, each once.
fn orphans(db: &Connection, mut places: Vec<MessagePlace>) -> Result<Vec<MessagePlace>> {
    places.dedup();
    let mut found = Vec::new();
    for (id, seq) in places {
        if one(db, IS_LIVE, params![id, seq], value::<i64>)?.is_none() {
            found.push((id, seq));
        }
    }
    Ok(found)
}
