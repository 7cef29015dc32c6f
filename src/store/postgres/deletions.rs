//! Deletions of accounts.

use async_trait::async_trait;
use futures_util::future::{join, join3, join5};

use super::connection::{Params, PgConnection};
use super::rows::{self, Columns};
use super::users::DELETE_WORDS;
use super::{Postgres, bounded};
use crate::domain::account::{Departure, Tombstone};
use crate::domain::conversation::Role;
use crate::domain::search::WORDS_VERSION;
use crate::domain::user::{Name, case_fold};
use crate::domain::{Result, SessionId, Timestamp, UserId};
use crate::store::deletions::{Deletions, retired_key};
use crate::store::queries::blocks::UNMARK_MEMBERS_OF;
use crate::store::queries::contacts::DELETE_LEAVER_EVERYWHERE;
use crate::store::queries::deletions::{
    DELETE_TICKETS, DEPARTURES, DEPARTURES_OF, END_DEPARTURE, ENTOMB_USER, FORGET_USER_AGENTS, INSERT_DEPARTURE,
    RETIRE_USERNAME,
};
use crate::store::queries::known_networks::DELETE_NETWORKS;
use crate::store::queries::row_limit;
use crate::store::queries::sessions::END_OTHER_SESSIONS;

/// user. In one order, because the deletion of another user may delete the same rows.
const DELETE_BLOCKS: &str = "DELETE FROM blocks b USING (SELECT user_id, blocked_id FROM blocks \
     WHERE user_id = $1 OR blocked_id = $1 ORDER BY user_id, blocked_id FOR UPDATE) w \
     WHERE b.user_id = w.user_id AND b.blocked_id = w.blocked_id";
/// id. Counters are locked before users, as everywhere.
const LOCK_BLOCKED_COUNTERS: &str = "SELECT 1 FROM counters WHERE conversation_id IN \
     (SELECT conversation_id FROM members WHERE user_id = $1 AND is_blocked) ORDER BY conversation_id FOR UPDATE";
/// id. Locked, so that of two deletions at once one finds no user.
const LOCK_USERNAME: &str = "SELECT username_key FROM users WHERE id = $1 AND deleted_at IS NULL FOR UPDATE";

/// ids
const NAMES: &str = "SELECT id, name, deleted_at IS NOT NULL FROM users WHERE id = ANY($1)";

fn name(columns: &mut Columns<'_>) -> Result<(UserId, Name, bool)> {
    Ok((columns.next()?, Name::from_trusted(columns.next()?), columns.next()?))
}

/// Reads a departure.
fn departure(columns: &mut Columns<'_>) -> Result<Departure> {
    Ok(Departure { conversation_id: columns.next()?, role: columns.parsed(Role::parse)?, successor: columns.next()? })
}

#[async_trait]
impl Deletions for Postgres {
    async fn delete_user(&self, id: UserId, tombstone: &Tombstone, at: Timestamp) -> Result<Option<Vec<SessionId>>> {
        bounded(async { Box::pin(delete(&*self.connection().await?, id, tombstone, at)).await }).await
    }

    async fn names(&self, ids: &[UserId]) -> Result<Vec<(UserId, Name, bool)>> {
        self.all(NAMES, &[&ids], name).await
    }

    async fn departures(&self, (since, after): (Timestamp, UserId), limit: usize) -> Result<Vec<(Timestamp, UserId)>> {
        self.all(DEPARTURES, &[&since, &after, &row_limit(limit)], rows::pair).await
    }

    async fn departures_of(&self, user_id: UserId, limit: usize) -> Result<Vec<Departure>> {
        self.all(DEPARTURES_OF, &[&user_id, &row_limit(limit)], departure).await
    }

    async fn end_departure(&self, user_id: UserId, before: Timestamp) -> Result<()> {
        self.count(END_DEPARTURE, &[&user_id, &before]).await.map(drop)
    }
}

/// One transaction in two round trips, of which the first locks the user and reads the username.
async fn delete(
    connection: &PgConnection,
    id: UserId,
    tombstone: &Tombstone,
    at: Timestamp,
) -> Result<Option<Vec<SessionId>>> {
    connection.prepare(&[LOCK_USERNAME, ENTOMB_USER, RETIRE_USERNAME, DELETE_WORDS]).await?;
    connection
        .prepare(&[
            DELETE_TICKETS,
            DELETE_NETWORKS,
            END_OTHER_SESSIONS,
            FORGET_USER_AGENTS,
            INSERT_DEPARTURE,
            DELETE_LEAVER_EVERYWHERE,
        ])
        .await?;
    connection.prepare(&[LOCK_BLOCKED_COUNTERS, DELETE_BLOCKS, UNMARK_MEMBERS_OF]).await?;
    let (begun, locked, found) = join3(
        connection.begin(),
        connection.send(LOCK_BLOCKED_COUNTERS, &[&id]),
        connection.send(LOCK_USERNAME, &[&id]),
    )
    .await;
    begun?;
    locked?;
    let Some(username_key) = rows::first(&found?, rows::value::<String>)? else {
        connection.rollback().await?;
        return Ok(None);
    };
    let (username, name) = (tombstone.username.as_str(), tombstone.name.as_str());
    let (new_key, name_key, key_hash) = (tombstone.username.key(), case_fold(name), retired_key(&username_key));
    let entombed: Params<'_> = &[&id, &username, &new_key, &name, &name_key, &at, &WORDS_VERSION];
    let ended: Params<'_> = &[&id, &None::<SessionId>, &at];
    let (first, second) = Box::pin(join(
        join5(
            connection.send_count(ENTOMB_USER, entombed),
            connection.send_count(RETIRE_USERNAME, &[&key_hash]),
            connection.send_count(DELETE_WORDS, &[&[id].as_slice()]),
            connection.send_count(DELETE_TICKETS, &[&id]),
            connection.send_count(DELETE_LEAVER_EVERYWHERE, &[&id]),
        ),
        join5(
            join(connection.send_count(DELETE_NETWORKS, &[&id]), end_blocks(connection, id)),
            connection.send(END_OTHER_SESSIONS, ended),
            connection.send_count(FORGET_USER_AGENTS, &[&id]),
            connection.send_count(INSERT_DEPARTURE, &[&id, &at]),
            connection.commit(),
        ),
    ))
    .await;
    for written in [first.0, first.1, first.2, first.3, first.4, second.0.0, second.2, second.3] {
        written?;
    }
    second.0.1?;
    let ended = second.1?;
    second.4?;
    rows::all(&ended, rows::value).map(Some)
}

/// Deletes the blocks between a user and others, in the caller's transaction.
async fn end_blocks(connection: &PgConnection, id: UserId) -> Result<()> {
    let (deleted, unmarked) =
        join(connection.send_count(DELETE_BLOCKS, &[&id]), connection.send_count(UNMARK_MEMBERS_OF, &[&id])).await;
    deleted?;
    unmarked.map(drop)
}
