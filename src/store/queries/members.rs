//! SQL for members.

use super::users::user_columns;

macro_rules! member_columns {
    () => {
        concat!(user_columns!(), ", mb.role, mb.joined_at, mb.joined_seq, mb.delivered_seq, mb.read_seq, mb.is_blocked")
    };
}

pub(crate) use member_columns;

/// conversation, user, role, joined_at, seq
pub(crate) const INSERT_MEMBER: &str = "INSERT INTO members (conversation_id, user_id, role, joined_at, joined_seq, delivered_seq, read_seq) \
     VALUES ($1, $2, $3, $4, $5, $5, $5)";
/// conversation, user
pub(crate) const DELETE_MEMBER: &str = "DELETE FROM members WHERE conversation_id = $1 AND user_id = $2";
/// conversation, role, user
pub(crate) const SET_ROLE: &str = "UPDATE members SET role = $2 WHERE conversation_id = $1 AND user_id = $3";
/// conversation, user
pub(crate) const MEMBER: &str = concat!(
    "SELECT ",
    member_columns!(),
    " FROM members mb JOIN users u ON u.id = mb.user_id \
     WHERE mb.conversation_id = $1 AND mb.user_id = $2"
);
/// conversation, after, limit
pub(crate) const MEMBERS: &str = concat!(
    "SELECT ",
    member_columns!(),
    " FROM members mb JOIN users u ON u.id = mb.user_id \
     WHERE mb.conversation_id = $1 AND u.username_key > $2 ORDER BY u.username_key LIMIT $3"
);
/// user, largest member_count, memberships that are read, limit
pub(crate) const CO_MEMBERS: &str = "SELECT DISTINCT user_id FROM (SELECT other.user_id FROM members mb \
     JOIN counters k ON k.conversation_id = mb.conversation_id AND k.member_count <= $2 \
     JOIN members other ON other.conversation_id = mb.conversation_id AND other.user_id <> mb.user_id \
     WHERE mb.user_id = $1 LIMIT $3) others LIMIT $4";
/// id
pub(crate) const MEMBERSHIP_VERSION: &str = "SELECT membership_version FROM users WHERE id = $1";
/// user
pub(crate) const RAISE_MEMBERSHIP_VERSION: &str =
    "UPDATE users SET membership_version = membership_version + 1 WHERE id = $1";
