//! Deletions of accounts.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::Sqlite;
use super::blocks::end_block;
use super::rows::{Columns, pair, value};
use super::sql::{all, one, run, sql};
use super::users::DELETE_WORDS;
use crate::domain::account::{Departure, Tombstone};
use crate::domain::search::WORDS_VERSION;
use crate::domain::user::{Name, case_fold};
use crate::domain::{Result, SessionId, Timestamp, UserId};
use crate::store::deletions::{Deletions, retired_key};
use crate::store::queries::deletions::{
    BLOCKS_TO_SWEEP, DELETE_TICKETS, DEPARTURES, DEPARTURES_OF, END_DEPARTURE, ENTOMB_USER, FORGET_USER_AGENTS,
    INSERT_DEPARTURE, RETIRE_USERNAME,
};
use crate::store::queries::known_networks::DELETE_NETWORKS;
use crate::store::queries::row_limit;
use crate::store::queries::sessions::END_OTHER_SESSIONS;

/// user, limit
const SWEEP_CONTACTS: &str = "DELETE FROM contacts WHERE (user_id, contact_id) IN ( \
         SELECT user_id, contact_id FROM contacts WHERE user_id = ?1 OR contact_id = ?1 LIMIT ?2)";
/// user, limit
const SWEEP_LEAVERS_OF: &str = "DELETE FROM leavers WHERE user_id = ?1 \
     AND conversation_id IN (SELECT conversation_id FROM leavers WHERE user_id = ?1 LIMIT ?2)";
/// user, limit
const SWEEP_SAVED_OF: &str = "DELETE FROM saved_messages WHERE user_id = ?1 AND (conversation_id, message_id) IN \
     (SELECT conversation_id, message_id FROM saved_messages WHERE user_id = ?1 LIMIT ?2)";
/// id
const USERNAME_KEY: &str = "SELECT username_key FROM users WHERE id = ?1 AND deleted_at IS NULL";

/// id
const NAME: &str = "SELECT id, name, deleted_at IS NOT NULL FROM users WHERE id = ?1";

fn name(columns: &mut Columns<'_>) -> rusqlite::Result<(UserId, Name, bool)> {
    Ok((columns.next()?, Name::from_trusted(columns.next()?), columns.next()?))
}

/// Reads a departure.
fn departure(columns: &mut Columns<'_>) -> rusqlite::Result<Departure> {
    Ok(Departure { conversation_id: columns.next()?, role: columns.next()?, successor: columns.next()? })
}

#[async_trait]
impl Deletions for Sqlite {
    async fn delete_user(&self, id: UserId, tombstone: &Tombstone, at: Timestamp) -> Result<Option<Vec<SessionId>>> {
        let Tombstone { username, name } = tombstone.clone();
        self.write(move |db| {
            let Some(username_key) = one(db, USERNAME_KEY, params![id], value::<String>)? else { return Ok(None) };
            let (new_key, name_key) = (username.key(), case_fold(name.as_str()));
            let row = params![id, username.as_str(), new_key, name.as_str(), name_key, at, WORDS_VERSION];
            run(db, sql!(ENTOMB_USER), row)?;
            run(db, sql!(RETIRE_USERNAME), params![retired_key(&username_key)])?;
            run(db, DELETE_WORDS, params![id])?;
            run(db, sql!(DELETE_TICKETS), params![id])?;
            run(db, sql!(DELETE_NETWORKS), params![id])?;
            let ended = all(db, sql!(END_OTHER_SESSIONS), params![id, None::<SessionId>, at], value)?;
            run(db, sql!(FORGET_USER_AGENTS), params![id])?;
            run(db, sql!(INSERT_DEPARTURE), params![id, at])?;
            Ok(Some(ended))
        })
        .await
    }

    async fn names(&self, ids: &[UserId]) -> Result<Vec<(UserId, Name, bool)>> {
        let ids = ids.to_vec();
        self.read(move |db| ids.into_iter().filter_map(|id| one(db, NAME, params![id], name).transpose()).collect())
            .await
    }

    async fn departures(&self, (since, after): (Timestamp, UserId), limit: usize) -> Result<Vec<(Timestamp, UserId)>> {
        self.read(move |db| all(db, sql!(DEPARTURES), params![since, after, row_limit(limit)], pair)).await
    }

    async fn departures_of(&self, user_id: UserId, limit: usize) -> Result<Vec<Departure>> {
        self.read(move |db| all(db, sql!(DEPARTURES_OF), params![user_id, row_limit(limit)], departure)).await
    }

    async fn sweep_user(&self, user_id: UserId, limit: usize) -> Result<bool> {
        self.write(move |db| sweep(db, user_id, limit)).await
    }

    async fn end_departure(&self, user_id: UserId, before: Timestamp) -> Result<()> {
        self.write(move |db| run(db, sql!(END_DEPARTURE), params![user_id, before]).map(drop)).await
    }
}

fn sweep(db: &Connection, id: UserId, limit: usize) -> Result<bool> {
    let contacts = run(db, SWEEP_CONTACTS, params![id, row_limit(limit)])?;
    let leavers = run(db, SWEEP_LEAVERS_OF, params![id, row_limit(limit)])?;
    let saved = run(db, SWEEP_SAVED_OF, params![id, row_limit(limit)])?;
    run(db, sql!(DELETE_NETWORKS), params![id])?;
    let blocks: Vec<(UserId, UserId)> = all(db, sql!(BLOCKS_TO_SWEEP), params![id, row_limit(limit)], pair)?;
    for &(user_id, blocked_id) in &blocks {
        end_block(db, user_id, blocked_id)?;
    }
    Ok(contacts.max(leavers).max(saved).max(blocks.len()) >= limit)
}
