//! Blocks between users.

use async_trait::async_trait;

use crate::domain::block::{Block, NewBlock};
use crate::domain::{Result, UserId};

/// The store's methods for blocks. A block counts in both directions.
#[async_trait]
pub trait Blocks: Send + Sync {
    /// Stores a block, and marks the members of the two users' direct conversation. A block that exists stays as it is. Returns true if
    /// there was no block between the two before, in either direction, and then raises the [versions](crate::domain::user::UserVersions) of
    /// both. Fails with `not_found` if one of the users does not exist, and with `invalid` (field `user_id`) beyond [`crate::limits::BLOCKS_PER_USER_MAX`].
    ///
    /// Under the lock of the direct conversation's counter, so that no message is numbered after the block.
    async fn insert_block(&self, new: &NewBlock) -> Result<bool>;

    /// Deletes a block, if it exists. Returns true if it was the last one between the two, and then raises the versions of both. The members stay
    /// marked while the other user blocks this one.
    async fn delete_block(&self, user_id: UserId, blocked_id: UserId) -> Result<bool>;

    /// Lists the blocks that a user has made by username, of those after `after` (a folded username).
    async fn blocks(&self, user_id: UserId, after: Option<&str>, limit: usize) -> Result<Vec<Block>>;

    /// Returns those of these users who block the user or are blocked by them, in no order.
    async fn blocks_with(&self, user_id: UserId, ids: &[UserId]) -> Result<Vec<UserId>>;
}
