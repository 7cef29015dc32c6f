//! Leftovers of nodes of an older schema.

use async_trait::async_trait;
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::Sqlite;
use super::rows::{Columns, pair, value};
use super::sql::{all, one, run, sql};
use crate::domain::{ConversationId, Result, UserId};
use crate::store::leftovers::{
    FIRST_MENTION, FIRST_SAVED, Leftovers, LeftoversCursor, MentionPlace, MessagePlace, SavedPlace, last, left,
};
use crate::store::queries::leftovers::{
    MENTIONS_AFTER, MENTIONS_OF_ALL_AFTER, PINS_AFTER, REACTIONS_AFTER, SAVED_AFTER, SETTINGS_AFTER,
};
use crate::store::queries::mentions::{DELETE_MENTION, DELETE_MENTION_OF_ALL};
use crate::store::queries::pins::DELETE_PIN;
use crate::store::queries::reactions::INSERT_UNSWEPT;
use crate::store::queries::row_limit;
use crate::store::queries::saved::DELETE_SAVED;
use crate::store::queries::user_settings::shows_last_seen;

/// conversation, message_seq
const IS_LIVE: &str = "SELECT 1 FROM messages WHERE conversation_id = ?1 AND seq = ?2 AND deleted_at IS NULL";
/// user
const FORGET_HIDDEN: &str =
    concat!("UPDATE users SET last_seen_at = NULL WHERE id = ?1 AND NOT ", shows_last_seen!("users.id"));

/// The rows that an older node has left.
#[derive(Default, PartialEq, Eq)]
struct Found {
    pins: Vec<MessagePlace>,
    reactions: Vec<MessagePlace>,
    mentions: Vec<MentionPlace>,
    mentions_of_all: Vec<MessagePlace>,
    saved: Vec<SavedPlace>,
    users: Vec<UserId>,
}

#[async_trait]
impl Leftovers for Sqlite {
    async fn sweep_leftovers(&self, cursor: LeftoversCursor, limit: usize) -> Result<LeftoversCursor> {
        let (next, found) = self.read(move |db| look(db, cursor, limit)).await?;
        if found != Found::default() {
            self.write(move |db| sweep(db, &found)).await?;
        }
        Ok(next)
    }
}

fn sweep(db: &Connection, found: &Found) -> Result<()> {
    for (id, seq) in &found.pins {
        run(db, sql!(DELETE_PIN), params![id, seq])?;
    }
    for (id, seq) in &found.reactions {
        run(db, sql!(INSERT_UNSWEPT), params![id, seq])?;
    }
    for (id, user_id, seq) in &found.mentions {
        run(db, sql!(DELETE_MENTION), params![id, user_id, seq])?;
    }
    for (id, seq) in &found.mentions_of_all {
        run(db, sql!(DELETE_MENTION_OF_ALL), params![id, seq])?;
    }
    for (user_id, id, message_id) in &found.saved {
        run(db, sql!(DELETE_SAVED), params![user_id, id, message_id])?;
    }
    for id in &found.users {
        run(db, FORGET_HIDDEN, params![id])?;
    }
    Ok(())
}

/// Reads the columns of [`MENTIONS_AFTER`].
fn mention(columns: &mut Columns<'_>) -> rusqlite::Result<(MentionPlace, bool)> {
    Ok(((columns.next()?, columns.next()?, columns.next()?), columns.next()?))
}

/// Reads the columns of [`SAVED_AFTER`].
fn saved(columns: &mut Columns<'_>) -> rusqlite::Result<(SavedPlace, bool)> {
    Ok(((columns.next()?, columns.next()?, columns.next()?), columns.next()?))
}

fn look(db: &Connection, cursor: LeftoversCursor, limit: usize) -> Result<(LeftoversCursor, Found)> {
    let page = |sql, after: Option<MessagePlace>| {
        let (id, seq) = after.unwrap_or((ConversationId::FIRST, 0));
        all(db, sql, params![id, seq, row_limit(limit)], pair)
    };
    let pins: Vec<MessagePlace> = page(sql!(PINS_AFTER), cursor.pins)?;
    let reactions: Vec<MessagePlace> = page(sql!(REACTIONS_AFTER), cursor.reactions)?;
    let (id, user_id, seq) = cursor.mentions.unwrap_or(FIRST_MENTION);
    let mentions = all(db, sql!(MENTIONS_AFTER), params![id, user_id, seq, row_limit(limit)], mention)?;
    let mentions_of_all: Vec<MessagePlace> = page(sql!(MENTIONS_OF_ALL_AFTER), cursor.mentions_of_all)?;
    let (user_id, id, message_id) = cursor.saved.unwrap_or(FIRST_SAVED);
    let saved = all(db, sql!(SAVED_AFTER), params![user_id, id, message_id, row_limit(limit)], saved)?;
    let after = cursor.settings.unwrap_or(UserId(Uuid::nil()));
    let settings: Vec<(UserId, bool)> = all(db, sql!(SETTINGS_AFTER), params![after, row_limit(limit)], pair)?;
    let next = LeftoversCursor {
        pins: last(&pins, limit),
        reactions: last(&reactions, limit),
        mentions: last(&mentions, limit).map(|(place, _)| place),
        mentions_of_all: last(&mentions_of_all, limit),
        saved: last(&saved, limit).map(|(place, _)| place),
        settings: last(&settings, limit).map(|(id, _)| id),
    };
    let found = Found {
        pins: orphans(db, pins)?,
        reactions: orphans(db, reactions)?,
        mentions: left(mentions),
        mentions_of_all: orphans(db, mentions_of_all)?,
        saved: left(saved),
        users: left(settings),
    };
    Ok((next, found))
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
