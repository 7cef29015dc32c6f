//! Blocks: a user ends contact with another one.

use super::user::User;
use super::{Error, Timestamp, UserId};
use crate::limits;

/// A block, as the user sees it who made it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Block {
    /// The user who is blocked.
    pub user: User,
    pub created_at: Timestamp,
}

/// A block before it is stored.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct NewBlock {
    /// The user who blocks.
    pub user_id: UserId,
    pub blocked_id: UserId,
    pub created_at: Timestamp,
}

/// The error for a block beyond [`limits::BLOCKS_PER_USER_MAX`].
pub fn too_many_blocks() -> Error {
    Error::field(
        "user_id",
        format!("you block {} users already; unblock another one first", limits::BLOCKS_PER_USER_MAX),
    )
}
