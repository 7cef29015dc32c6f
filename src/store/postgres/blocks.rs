//! Blocks.

use async_trait::async_trait;
use futures_util::future::{join, join3, join4};

use super::connection::{Params, PgConnection};
use super::counters::LOCK_COUNTER as LOCK_COUNTER_OF;
use super::rows::{self, Columns};
use super::users::user;
use super::{Postgres, bounded};
use crate::domain::block::{Block, NewBlock, too_many_blocks};
use crate::domain::conversation::direct_key;
use crate::domain::{ConversationId, Error, Result, UserId};
use crate::limits;
use crate::store::Blocks;
use crate::store::queries::blocks::{
    BLOCKS, COUNT_BLOCKS, DELETE_BLOCK, INSERT_BLOCK, IS_BLOCKED, MARK_MEMBERS, RAISE_BLOCKS_VERSIONS,
};
use crate::store::queries::message_search::DIRECT_CONVERSATION;
use crate::store::queries::row_limit;

/// direct_key. Before the users, as everywhere. So no message is numbered until the block is committed.
const LOCK_COUNTER: &str = "SELECT 1 FROM counters \
     WHERE conversation_id = (SELECT id FROM conversations WHERE direct_key = $1) FOR UPDATE";
/// users. Returns those that live. Changes of the blocks between two users wait for each other here, and so does a new direct
/// conversation of the two.
const LOCK_LIVE_USERS: &str =
    "SELECT id FROM users WHERE id = ANY($1) AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE";
/// one, other, conversation. [`MARK_MEMBERS`] for a database whose tables are distributed: once a transaction has changed members whose shard Citus did not know
/// before, it changes no copied table.
const MARK_MEMBERS_OF_ONE: &str = "UPDATE members SET is_blocked = EXISTS (SELECT 1 FROM blocks b \
         WHERE b.user_id = $1 AND b.blocked_id = $2 OR b.user_id = $2 AND b.blocked_id = $1) WHERE conversation_id = $3";
/// user, others
pub(super) const BLOCKS_WITH: &str = "SELECT blocked_id FROM blocks WHERE user_id = $1 AND blocked_id = ANY($2) \
     UNION SELECT user_id FROM blocks WHERE blocked_id = $1 AND user_id = ANY($2)";

/// Reads the columns of [`BLOCKS`].
fn block(columns: &mut Columns<'_>) -> Result<Block> {
    Ok(Block { user: user(columns)?, created_at: columns.next()? })
}

#[async_trait]
impl Blocks for Postgres {
    async fn insert_block(&self, new: &NewBlock) -> Result<bool> {
        bounded(async { Box::pin(insert(&*self.connection().await?, new)).await }).await
    }

    async fn delete_block(&self, user_id: UserId, blocked_id: UserId) -> Result<bool> {
        bounded(async { Box::pin(delete(&*self.connection().await?, user_id, blocked_id)).await }).await
    }

    async fn blocks(&self, user_id: UserId, after: Option<&str>, limit: usize) -> Result<Vec<Block>> {
        self.all(BLOCKS, &[&user_id, &after.unwrap_or_default(), &row_limit(limit)], block).await
    }

    async fn blocks_with(&self, user_id: UserId, ids: &[UserId]) -> Result<Vec<UserId>> {
        self.all(BLOCKS_WITH, &[&user_id, &ids], rows::value).await
    }
}

/// The statements that lock the counter of a direct conversation and mark its members, each with its parameters.
type Statements<'a> = (&'static str, Params<'a>, &'static str, Params<'a>);

/// Returns the direct conversation with this key, on a distributed database, where the lock of its counter must name it.
async fn direct_on_shard(connection: &PgConnection, key: &str) -> Result<Option<ConversationId>> {
    if !connection.is_distributed() {
        return Ok(None);
    }
    rows::first(&connection.rows(DIRECT_CONVERSATION, &[&key]).await?, rows::value)
}

/// One transaction in two round trips, with the decision between them.
async fn insert(connection: &PgConnection, new: &NewBlock) -> Result<bool> {
    let NewBlock { user_id, blocked_id, created_at } = new;
    let (key, users) = (direct_key(*user_id, *blocked_id), [*user_id, *blocked_id]);
    let direct = direct_on_shard(connection, &key).await?;
    let (lock_counter, locked, mark, marked): Statements<'_> = if connection.is_distributed() {
        (LOCK_COUNTER_OF, &[&direct], MARK_MEMBERS_OF_ONE, &[user_id, blocked_id, &direct])
    } else {
        (LOCK_COUNTER, &[&key], MARK_MEMBERS, &[user_id, blocked_id, &key])
    };
    connection.prepare(&[lock_counter, LOCK_LIVE_USERS, IS_BLOCKED, INSERT_BLOCK, COUNT_BLOCKS]).await?;
    connection.prepare(&[mark, RAISE_BLOCKS_VERSIONS]).await?;
    let (begun, (counter, live), blocked, (inserted, count)) = join4(
        connection.begin(),
        join(connection.send(lock_counter, locked), connection.send(LOCK_LIVE_USERS, &[&users.as_slice()])),
        connection.send(IS_BLOCKED, &[user_id, blocked_id]),
        join(
            connection.send_count(INSERT_BLOCK, &[user_id, blocked_id, created_at]),
            connection.send(COUNT_BLOCKS, &[user_id]),
        ),
    )
    .await;
    begun?;
    counter?;
    let (live, blocked, inserted, count) = (live?, blocked?, inserted?, count?);
    let count: Option<i64> = rows::first(&count, rows::value)?;
    let refusal = if live.len() < users.len() {
        Some(Error::not_found("user"))
    } else if inserted > 0 && count > Some(limits::BLOCKS_PER_USER_MAX) {
        Some(too_many_blocks())
    } else {
        None
    };
    if let Some(refusal) = refusal {
        connection.rollback().await?;
        return Err(refusal);
    }
    let is_first = rows::first(&blocked, rows::value)? == Some(false);
    let (marked, raised, committed) = join3(
        connection.send_count(mark, marked),
        raise_versions(connection, *user_id, *blocked_id, is_first),
        connection.commit(),
    )
    .await;
    marked?;
    raised?;
    committed?;
    Ok(is_first)
}

/// Raises the versions of two users if their presence is hidden from each other, or shown again. The statement is prepared.
async fn raise_versions(connection: &PgConnection, one: UserId, other: UserId, is_changed: bool) -> Result<()> {
    if is_changed {
        connection.send_count(RAISE_BLOCKS_VERSIONS, &[&one, &other]).await?;
    }
    Ok(())
}

/// One transaction in two round trips, with the decision between them.
async fn delete(connection: &PgConnection, user_id: UserId, blocked_id: UserId) -> Result<bool> {
    let (key, users) = (direct_key(user_id, blocked_id), [user_id, blocked_id]);
    let direct = direct_on_shard(connection, &key).await?;
    let (lock_counter, locked, mark, marked): Statements<'_> = if connection.is_distributed() {
        (LOCK_COUNTER_OF, &[&direct], MARK_MEMBERS_OF_ONE, &[&user_id, &blocked_id, &direct])
    } else {
        (LOCK_COUNTER, &[&key], MARK_MEMBERS, &[&user_id, &blocked_id, &key])
    };
    connection.prepare(&[lock_counter, LOCK_LIVE_USERS, DELETE_BLOCK, IS_BLOCKED]).await?;
    connection.prepare(&[mark, RAISE_BLOCKS_VERSIONS]).await?;
    let (begun, (counter, live), deleted, blocked) = join4(
        connection.begin(),
        join(connection.send(lock_counter, locked), connection.send(LOCK_LIVE_USERS, &[&users.as_slice()])),
        connection.send_count(DELETE_BLOCK, &[&user_id, &blocked_id]),
        connection.send(IS_BLOCKED, &[&user_id, &blocked_id]),
    )
    .await;
    begun?;
    counter?;
    live?;
    let (deleted, blocked) = (deleted?, blocked?);
    let was_last = deleted > 0 && rows::first(&blocked, rows::value)? == Some(false);
    let (marked, raised, committed) = join3(
        connection.send_count(mark, marked),
        raise_versions(connection, user_id, blocked_id, was_last),
        connection.commit(),
    )
    .await;
    marked?;
    raised?;
    committed?;
    Ok(was_last)
}
