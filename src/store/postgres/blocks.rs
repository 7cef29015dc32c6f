//! Blocks.

use async_trait::async_trait;
use futures_util::future::{OptionFuture, join, join4, join5};

use super::connection::{Params, PgConnection};
use super::counters::LOCK_COUNTER as LOCK_COUNTER_OF;
use super::rows::{self, Columns};
use super::users::user;
use super::{Postgres, bounded, user_locks, user_states};
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
        self.all_with_users(BLOCKS, &[&user_id, &after.unwrap_or_default(), &row_limit(limit)], block).await
    }

    async fn blocks_with(&self, user_id: UserId, ids: &[UserId]) -> Result<Vec<UserId>> {
        self.all(BLOCKS_WITH, &[&user_id, &ids], rows::value).await
    }
}

/// The direct conversation of two users. A change of their blocks locks its counter and marks its members.
struct Direct {
    users: [UserId; 2],
    key: String,
    /// The conversation, if there is one and the database is distributed: there its id is named, and the counter's lock is one on its shard.
    id: Option<ConversationId>,
}

impl Direct {
    /// Prepares the statements, and reads the id where it is needed.
    async fn of(connection: &PgConnection, one: UserId, other: UserId) -> Result<Self> {
        let (lock, mark) =
            (connection.form(LOCK_COUNTER, LOCK_COUNTER_OF), connection.form(MARK_MEMBERS, MARK_MEMBERS_OF_ONE));
        let raise = connection.form(RAISE_BLOCKS_VERSIONS, user_states::RAISE_BLOCKS_VERSIONS);
        connection.prepare(&[lock, mark, raise, IS_BLOCKED]).await?;
        user_locks::prepare(connection).await?;
        let key = direct_key(one, other);
        let mut id = None;
        if connection.is_distributed() {
            id = rows::first(&connection.rows(DIRECT_CONVERSATION, &[&key]).await?, rows::value)?;
        }
        Ok(Self { users: [one, other], key, id })
    }

    /// Locks the counter, and behind it the users. Changes of the blocks between the two wait for each other here, and so does a new direct conversation of the two.
    /// Returns true if both users live.
    async fn lock(&self, connection: &PgConnection) -> Result<bool> {
        let lock_counter = async {
            if connection.is_distributed() {
                connection.send(LOCK_COUNTER_OF, &[&self.id]).await
            } else {
                connection.send(LOCK_COUNTER, &[&self.key]).await
            }
        };
        let (counter, live) = join(lock_counter, user_locks::lock_live(connection, &self.users)).await;
        counter?;
        Ok(live?.len() == self.users.len())
    }

    /// Returns true if the conversation was created between the look for its id and the locks of its users, on a distributed database. Then its counter is not
    /// locked, and the caller begins anew.
    async fn is_new(&mut self, connection: &PgConnection) -> Result<bool> {
        if !connection.is_distributed() || self.id.is_some() {
            return Ok(false);
        }
        self.id = rows::first(&connection.rows(DIRECT_CONVERSATION, &[&self.key]).await?, rows::value)?;
        Ok(self.id.is_some())
    }

    /// Marks the members as blocked or not. Then raises the versions of the users, if their presence is hidden from each other, or shown again.
    async fn mark(&self, connection: &PgConnection, is_changed: bool) -> Result<()> {
        let [one, other] = &self.users;
        let mark = async {
            if connection.is_distributed() {
                connection.send_count(MARK_MEMBERS_OF_ONE, &[one, other, &self.id]).await
            } else {
                connection.send_count(MARK_MEMBERS, &[one, other, &self.key]).await
            }
        };
        let raise = connection.form(RAISE_BLOCKS_VERSIONS, user_states::RAISE_BLOCKS_VERSIONS);
        let raised: Params<'_> = &[one, other];
        let raise = OptionFuture::from(is_changed.then(|| connection.send_count(raise, raised)));
        let (marked, raised) = join(mark, raise).await;
        marked?;
        raised.transpose().map(drop)
    }
}

/// One transaction in two round trips, with the decision between them. On a distributed database up to three more.
async fn insert(connection: &PgConnection, new: &NewBlock) -> Result<bool> {
    let mut direct = Direct::of(connection, new.user_id, new.blocked_id).await?;
    connection.prepare(&[INSERT_BLOCK, COUNT_BLOCKS]).await?;
    loop {
        if let Some(is_first) = try_insert(connection, new, &mut direct).await? {
            return Ok(is_first);
        }
    }
}

/// Returns `None` if the direct conversation has just been created. That happens once: then its id is known.
async fn try_insert(connection: &PgConnection, new: &NewBlock, direct: &mut Direct) -> Result<Option<bool>> {
    let NewBlock { user_id, blocked_id, created_at } = new;
    let (begun, live, blocked, inserted, count) = join5(
        connection.begin(),
        direct.lock(connection),
        connection.send(IS_BLOCKED, &[user_id, blocked_id]),
        connection.send_count(INSERT_BLOCK, &[user_id, blocked_id, created_at]),
        connection.send(COUNT_BLOCKS, &[user_id]),
    )
    .await;
    begun?;
    let (live, blocked, inserted, count) = (live?, blocked?, inserted?, count?);
    let count: Option<i64> = rows::first(&count, rows::value)?;
    let refusal = if !live {
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
    if direct.is_new(connection).await? {
        connection.rollback().await?;
        return Ok(None);
    }
    let is_first = rows::first(&blocked, rows::value)? == Some(false);
    let (marked, committed) = join(direct.mark(connection, is_first), connection.commit()).await;
    marked?;
    committed?;
    Ok(Some(is_first))
}

/// One transaction in two round trips, with the decision between them. On a distributed database up to three more.
async fn delete(connection: &PgConnection, user_id: UserId, blocked_id: UserId) -> Result<bool> {
    let mut direct = Direct::of(connection, user_id, blocked_id).await?;
    connection.prepare(&[DELETE_BLOCK]).await?;
    loop {
        if let Some(was_last) = try_delete(connection, [user_id, blocked_id], &mut direct).await? {
            return Ok(was_last);
        }
    }
}

/// Returns `None` if the direct conversation has just been created. That happens once: then its id is known.
async fn try_delete(
    connection: &PgConnection,
    [user_id, blocked_id]: [UserId; 2],
    direct: &mut Direct,
) -> Result<Option<bool>> {
    let (begun, locked, deleted, blocked) = join4(
        connection.begin(),
        direct.lock(connection),
        connection.send_count(DELETE_BLOCK, &[&user_id, &blocked_id]),
        connection.send(IS_BLOCKED, &[&user_id, &blocked_id]),
    )
    .await;
    begun?;
    locked?;
    let (deleted, blocked) = (deleted?, blocked?);
    if direct.is_new(connection).await? {
        connection.rollback().await?;
        return Ok(None);
    }
    let was_last = deleted > 0 && rows::first(&blocked, rows::value)? == Some(false);
    let (marked, committed) = join(direct.mark(connection, was_last), connection.commit()).await;
    marked?;
    committed?;
    Ok(Some(was_last))
}
