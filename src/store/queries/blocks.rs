//! SQL for blocks.

use super::users::user_columns;

/// True if the user blocks somebody or is blocked. A scalar subselect, of which PostgreSQL makes no hash of all blocks, as it might of an EXISTS.
macro_rules! has_blocks {
    ($user_id:literal) => {
        concat!(
            "((SELECT true FROM blocks h WHERE h.user_id = ",
            $user_id,
            " LIMIT 1) IS TRUE OR (SELECT true FROM blocks h WHERE h.blocked_id = ",
            $user_id,
            " LIMIT 1) IS TRUE)"
        )
    };
}
pub(crate) use has_blocks;

/// True if there is a block between the two users.
macro_rules! are_blocked {
    ($one:literal, $other:literal) => {
        concat!(
            "((SELECT true FROM blocks h WHERE h.user_id = ",
            $one,
            " AND h.blocked_id = ",
            $other,
            ") IS TRUE OR (SELECT true FROM blocks h WHERE h.user_id = ",
            $other,
            " AND h.blocked_id = ",
            $one,
            ") IS TRUE)"
        )
    };
}
pub(crate) use are_blocked;

/// user, blocked, created_at. Inserts nothing if one of the users does not live.
pub(crate) const INSERT_BLOCK: &str = "INSERT INTO blocks (user_id, blocked_id, created_at) \
     SELECT u.id, other.id, $3 FROM users u JOIN users other ON other.id = $2 AND other.deleted_at IS NULL \
     WHERE u.id = $1 AND u.deleted_at IS NULL ON CONFLICT DO NOTHING";
/// one, other. True if one of the two blocks the other.
pub(crate) const IS_BLOCKED: &str = "SELECT EXISTS (SELECT 1 FROM blocks WHERE user_id = $1 AND blocked_id = $2) \
     OR EXISTS (SELECT 1 FROM blocks WHERE user_id = $2 AND blocked_id = $1)";
/// user, blocked
pub(crate) const DELETE_BLOCK: &str = "DELETE FROM blocks WHERE user_id = $1 AND blocked_id = $2";
/// user
pub(crate) const COUNT_BLOCKS: &str = "SELECT count(*) FROM blocks WHERE user_id = $1";
/// user, after, limit. Without deleted users, whose blocks are still to be swept.
pub(crate) const BLOCKS: &str = concat!(
    "SELECT ",
    user_columns!(),
    ", b.created_at FROM blocks b JOIN users u ON u.id = b.blocked_id \
     WHERE b.user_id = $1 AND u.username_key > $2 AND u.deleted_at IS NULL ORDER BY u.username_key LIMIT $3"
);
/// one, other. For a change by which their presence is hidden from each other, or shown again.
pub(crate) const RAISE_BLOCKS_VERSIONS: &str =
    "UPDATE users SET blocks_version = blocks_version + 1 WHERE id IN ($1, $2)";
/// one, other, direct_key. Marks both members of the direct conversation of two users, if there is one.
pub(crate) const MARK_MEMBERS: &str = "UPDATE members SET is_blocked = EXISTS (SELECT 1 FROM blocks b \
         WHERE b.user_id = $1 AND b.blocked_id = $2 OR b.user_id = $2 AND b.blocked_id = $1) \
     WHERE conversation_id = (SELECT id FROM conversations WHERE direct_key = $3)";
