//! Deletions of accounts.

use async_trait::async_trait;
use futures_util::future::{OptionFuture, join, join_all, join3, join4, join5};

use super::connection::{Params, PgConnection};
use super::counters::LOCK_COUNTER;
use super::rows::{self, Columns};
use super::sessions::end_missed_sessions;
use super::user_states::FORGET_LAST_SEEN;
use super::users::DELETE_WORDS;
use super::{Postgres, bounded, user_locks};
use crate::domain::account::{Departure, Tombstone};
use crate::domain::conversation::{Role, direct_key};
use crate::domain::search::WORDS_VERSION;
use crate::domain::user::{Name, case_fold};
use crate::domain::{ConversationId, Result, SessionId, Timestamp, UserId};
use crate::store::deletions::{Deletions, retired_key};
use crate::store::queries::deletions::{
    BLOCKS_TO_SWEEP, DELETE_TICKETS, DEPARTURES, DEPARTURES_OF, END_DEPARTURE, ENTOMB_USER, FORGET_USER_AGENTS,
    INSERT_DEPARTURE, RETIRE_USERNAME,
};
use crate::store::queries::known_networks::DELETE_NETWORKS;
use crate::store::queries::row_limit;
use crate::store::queries::sessions::END_OTHER_SESSIONS;

/// user, limit. Skips rows that the deletion of the other user is deleting, because two that waited for each other would deadlock. One
/// select for each direction: with OR, each step would read the index to its end.
const SWEEP_CONTACTS: &str = "DELETE FROM contacts c USING ( \
         SELECT * FROM (SELECT user_id, contact_id FROM contacts WHERE user_id = $1 LIMIT $2 FOR UPDATE SKIP LOCKED) own \
         UNION ALL SELECT * FROM \
             (SELECT user_id, contact_id FROM contacts WHERE contact_id = $1 LIMIT $2 FOR UPDATE SKIP LOCKED) of_others) w \
     WHERE c.user_id = w.user_id AND c.contact_id = w.contact_id";
/// user, limit. Skips those that the deletion of their group is deleting.
const SWEEP_LEAVERS_OF: &str = "DELETE FROM leavers l USING \
         (SELECT conversation_id, user_id FROM leavers WHERE user_id = $1 LIMIT $2 FOR UPDATE SKIP LOCKED) w \
     WHERE l.conversation_id = w.conversation_id AND l.user_id = w.user_id";
/// user. All at once, because Citus locks no rows of several shards to choose some of them.
const DELETE_LEAVERS_OF: &str = "DELETE FROM leavers WHERE user_id = $1";
/// user, limit. Skips those that the deletion of their conversation is deleting. Names the user twice, so that Citus asks one shard.
const SWEEP_SAVED_OF: &str = "DELETE FROM saved_messages s USING (SELECT user_id, conversation_id, message_id FROM saved_messages \
         WHERE user_id = $1 LIMIT $2 FOR UPDATE SKIP LOCKED) w \
     WHERE s.user_id = $1 AND s.user_id = w.user_id AND s.conversation_id = w.conversation_id AND s.message_id = w.message_id";
/// users, blocked users. In one order, because the deletion of another user may delete the same rows.
const DELETE_BLOCKS: &str = "DELETE FROM blocks b USING ( \
         SELECT found.user_id, found.blocked_id FROM unnest($1::uuid[], $2::uuid[]) AS w (user_id, blocked_id) \
             JOIN blocks found ON found.user_id = w.user_id AND found.blocked_id = w.blocked_id \
         ORDER BY found.user_id, found.blocked_id FOR UPDATE OF found) w \
     WHERE b.user_id = w.user_id AND b.blocked_id = w.blocked_id";
/// direct_keys. In one order, before the members, as everywhere.
const LOCK_COUNTERS: &str = "SELECT 1 FROM counters WHERE conversation_id IN \
     (SELECT id FROM conversations WHERE direct_key = ANY($1)) ORDER BY conversation_id FOR UPDATE";
/// direct_keys. The conversations whose counters are to be locked, in that order.
const DIRECTS: &str = "SELECT id FROM conversations WHERE direct_key = ANY($1) ORDER BY id";
/// direct_keys. Nobody blocks a deleted user any more, so no mark is needed.
const UNMARK_MEMBERS: &str = "UPDATE members SET is_blocked = false \
     WHERE conversation_id IN (SELECT id FROM conversations WHERE direct_key = ANY($1))";
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

    async fn sweep_user(&self, user_id: UserId, limit: usize) -> Result<bool> {
        bounded(async { Box::pin(sweep(&*self.connection().await?, user_id, limit)).await }).await
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
        .prepare(&[DELETE_TICKETS, DELETE_NETWORKS, END_OTHER_SESSIONS, FORGET_USER_AGENTS, INSERT_DEPARTURE])
        .await?;
    let is_distributed = connection.is_distributed();
    if is_distributed {
        user_locks::prepare(connection).await?;
        connection.prepare(&[FORGET_LAST_SEEN]).await?;
    }
    let (begun, locked, found) = join3(
        connection.begin(),
        user_locks::lock_where_distributed(connection, id),
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
    let forgotten: Params<'_> = &[&id, &false];
    let (first, second) = Box::pin(join(
        join4(
            connection.send_count(ENTOMB_USER, entombed),
            connection.send_count(RETIRE_USERNAME, &[&key_hash]),
            connection.send_count(DELETE_WORDS, &[&[id].as_slice()]),
            connection.send_count(DELETE_TICKETS, &[&id]),
        ),
        join5(
            connection.send_count(DELETE_NETWORKS, &[&id]),
            connection.send(END_OTHER_SESSIONS, ended),
            connection.send_count(FORGET_USER_AGENTS, &[&id]),
            connection.send_count(INSERT_DEPARTURE, &[&id, &at]),
            join(
                OptionFuture::from(is_distributed.then(|| connection.send_count(FORGET_LAST_SEEN, forgotten))),
                connection.commit(),
            ),
        ),
    ))
    .await;
    let (forgotten, committed) = second.4;
    let forgotten = forgotten.unwrap_or(Ok(0));
    for written in [first.0, first.1, first.2, first.3, second.0, second.2, second.3, forgotten] {
        written?;
    }
    let mut ended: Vec<SessionId> = rows::all(&second.1?, rows::value)?;
    committed?;
    ended.extend(end_missed_sessions(connection, id, None, at).await?);
    Ok(Some(ended))
}

/// Sweeps a deleted user. Each kind is a transaction of its own.
async fn sweep(connection: &PgConnection, id: UserId, limit: usize) -> Result<bool> {
    let of_user: Params<'_> = &[&id, &row_limit(limit)];
    let (sweep_leavers, of_leaver): (&str, Params<'_>) =
        if connection.is_distributed() { (DELETE_LEAVERS_OF, &[&id]) } else { (SWEEP_LEAVERS_OF, of_user) };
    connection.prepare(&[SWEEP_CONTACTS, sweep_leavers, SWEEP_SAVED_OF, DELETE_NETWORKS, BLOCKS_TO_SWEEP]).await?;
    let (contacts, leavers, saved, networks, blocks) = join5(
        connection.send_count(SWEEP_CONTACTS, of_user),
        connection.send_count(sweep_leavers, of_leaver),
        connection.send_count(SWEEP_SAVED_OF, of_user),
        connection.send_count(DELETE_NETWORKS, &[&id]),
        connection.send(BLOCKS_TO_SWEEP, of_user),
    )
    .await;
    networks?;
    let blocks: Vec<(UserId, UserId)> = rows::all(&blocks?, rows::pair)?;
    if !blocks.is_empty() {
        end_blocks(connection, &blocks).await?;
    }
    let most = u64::try_from(limit).unwrap_or(u64::MAX);
    Ok(contacts? >= most || leavers? >= most || saved? >= most || blocks.len() >= limit)
}

/// Deletes blocks of a deleted user, and the marks of their direct conversations. One transaction in one round trip.
async fn end_blocks(connection: &PgConnection, blocks: &[(UserId, UserId)]) -> Result<()> {
    let (users, blocked): (Vec<UserId>, Vec<UserId>) = blocks.iter().copied().unzip();
    let keys: Vec<String> = blocks.iter().map(|(user_id, blocked_id)| direct_key(*user_id, *blocked_id)).collect();
    let mut directs: Vec<ConversationId> = Vec::new();
    if connection.is_distributed() {
        directs = rows::all(&connection.rows(DIRECTS, &[&keys]).await?, rows::value)?;
    }
    connection.prepare(&[LOCK_COUNTERS, LOCK_COUNTER, DELETE_BLOCKS, UNMARK_MEMBERS]).await?;
    let lock = async {
        if !connection.is_distributed() {
            return connection.send(LOCK_COUNTERS, &[&keys]).await.map(drop);
        }
        let locks = directs.iter().map(|id| async move { connection.send(LOCK_COUNTER, &[id]).await.map(drop) });
        join_all(locks).await.into_iter().collect()
    };
    let (begun, locked, deleted, unmarked, committed) = join5(
        connection.begin(),
        lock,
        connection.send_count(DELETE_BLOCKS, &[&users, &blocked]),
        connection.send_count(UNMARK_MEMBERS, &[&keys]),
        connection.commit(),
    )
    .await;
    begun?;
    locked?;
    deleted?;
    unmarked?;
    committed
}
