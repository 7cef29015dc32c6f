//! Blocks.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::Sqlite;
use super::rows::{Columns, value};
use super::sql::{all, one, run, sql};
use super::users::user;
use crate::domain::block::{Block, NewBlock, too_many_blocks};
use crate::domain::conversation::direct_key;
use crate::domain::{Error, Result, UserId};
use crate::limits;
use crate::store::Blocks;
use crate::store::queries::blocks::{
    BLOCKS, COUNT_BLOCKS, DELETE_BLOCK, INSERT_BLOCK, IS_BLOCKED, MARK_MEMBERS, RAISE_BLOCKS_VERSIONS,
};
use crate::store::queries::row_limit;
use crate::store::queries::users::LIVE_USER;

/// user
const HAS_BLOCKS: &str = "SELECT EXISTS (SELECT 1 FROM blocks WHERE user_id = ?1) \
     OR EXISTS (SELECT 1 FROM blocks WHERE blocked_id = ?1)";

/// Reads the columns of [`BLOCKS`].
fn block(columns: &mut Columns<'_>) -> rusqlite::Result<Block> {
    Ok(Block { user: user(columns)?, created_at: columns.next()? })
}

pub(super) fn is_blocked(db: &Connection, one_id: UserId, other_id: UserId) -> Result<bool> {
    Ok(one(db, sql!(IS_BLOCKED), params![one_id, other_id], value)? == Some(true))
}

/// The same as [`Blocks::blocks_with`], on the caller's connection.
pub(super) fn blocks_with(db: &Connection, user_id: UserId, ids: &[UserId]) -> Result<Vec<UserId>> {
    let mut found = Vec::new();
    // Most users have no blocks, and then two look-ups are enough for any number of ids.
    if one(db, HAS_BLOCKS, params![user_id], value)? == Some(true) {
        for &id in ids {
            if is_blocked(db, user_id, id)? {
                found.push(id);
            }
        }
    }
    Ok(found)
}

/// Deletes a block, and marks the members of the two users' direct conversation. Returns the number of blocks that there were.
pub(super) fn end_block(db: &Connection, user_id: UserId, blocked_id: UserId) -> Result<usize> {
    let deleted = run(db, sql!(DELETE_BLOCK), params![user_id, blocked_id])?;
    mark_members(db, user_id, blocked_id)?;
    Ok(deleted)
}

fn mark_members(db: &Connection, one: UserId, other: UserId) -> Result<()> {
    run(db, sql!(MARK_MEMBERS), params![one, other, direct_key(one, other)]).map(drop)
}

#[async_trait]
impl Blocks for Sqlite {
    async fn insert_block(&self, new: &NewBlock) -> Result<bool> {
        let NewBlock { user_id, blocked_id, created_at } = *new;
        self.write(move |db| {
            for id in [user_id, blocked_id] {
                one(db, sql!(LIVE_USER), params![id], user)?.ok_or_else(|| Error::not_found("user"))?;
            }
            let was_blocked = is_blocked(db, user_id, blocked_id)?;
            let inserted = run(db, sql!(INSERT_BLOCK), params![user_id, blocked_id, created_at])?;
            let count = one(db, sql!(COUNT_BLOCKS), params![user_id], value::<i64>)?;
            if inserted > 0 && count > Some(limits::BLOCKS_PER_USER_MAX) {
                return Err(too_many_blocks());
            }
            mark_members(db, user_id, blocked_id)?;
            if !was_blocked {
                run(db, sql!(RAISE_BLOCKS_VERSIONS), params![user_id, blocked_id])?;
            }
            Ok(!was_blocked)
        })
        .await
    }

    async fn delete_block(&self, user_id: UserId, blocked_id: UserId) -> Result<bool> {
        self.write(move |db| {
            let was_last = end_block(db, user_id, blocked_id)? > 0 && !is_blocked(db, user_id, blocked_id)?;
            if was_last {
                run(db, sql!(RAISE_BLOCKS_VERSIONS), params![user_id, blocked_id])?;
            }
            Ok(was_last)
        })
        .await
    }

    async fn blocks(&self, user_id: UserId, after: Option<&str>, limit: usize) -> Result<Vec<Block>> {
        let after = after.unwrap_or_default().to_owned();
        self.read(move |db| all(db, sql!(BLOCKS), params![user_id, after, row_limit(limit)], block)).await
    }

    async fn blocks_with(&self, user_id: UserId, ids: &[UserId]) -> Result<Vec<UserId>> {
        let ids = ids.to_vec();
        self.read(move |db| blocks_with(db, user_id, &ids)).await
    }
}
