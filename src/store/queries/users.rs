//! SQL for users.

use super::user_settings::sends_receipts;
use super::width;

macro_rules! user_columns {
    () => {
        "u.id, u.username, u.name, u.created_at, u.last_seen_at"
    };
}
pub(crate) use user_columns;

/// The number of columns in `user_columns!`.
pub(crate) const USER_WIDTH: usize = width(user_columns!());

/// id, username, username_key, name, name_key, password_hash, created_at, words_version, is_admin
macro_rules! insert_user_or_fail {
    () => {
        "INSERT INTO users \
         (id, username, username_key, name, name_key, password_hash, created_at, words_name, words_version, is_admin) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $4, $8, $9)"
    };
}
pub(crate) use insert_user_or_fail;

/// The same.
macro_rules! insert_user {
    () => {
        concat!(crate::store::queries::users::insert_user_or_fail!(), " ON CONFLICT (username_key) DO NOTHING")
    };
}
pub(crate) use insert_user;

/// Words that do not belong to the present name have version 0. The schemas have an index on this expression.
macro_rules! stale_users {
    () => {
        "SELECT id, username, name FROM users \
         WHERE CASE WHEN words_name = name THEN words_version ELSE 0 END < $1 \
         ORDER BY CASE WHEN words_name = name THEN words_version ELSE 0 END LIMIT $2"
    };
}
pub(crate) use stale_users;

/// id
pub(crate) const USER: &str = concat!("SELECT ", user_columns!(), " FROM users u WHERE u.id = $1");
/// id
pub(crate) const LIVE_USER: &str =
    concat!("SELECT ", user_columns!(), " FROM users u WHERE u.id = $1 AND u.deleted_at IS NULL");
/// username_key. The columns: the user's, the password's hash without the mark of a disabled user, and true for a disabled user.
pub(crate) const CREDENTIALS: &str = concat!(
    "SELECT ",
    user_columns!(),
    ", ltrim(u.password_hash, '!'), u.disabled_at IS NOT NULL FROM users u WHERE u.username_key = $1 AND u.deleted_at IS NULL"
);
/// id
pub(crate) const PASSWORD_HASH: &str = "SELECT password_hash FROM users WHERE id = $1 AND deleted_at IS NULL";
/// from, limit
pub(crate) const USERS: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM users u WHERE u.username_key >= $1 AND u.deleted_at IS NULL ORDER BY u.username_key LIMIT $2"
);
/// prefix, prefix with TEXT_END, limit. Its order is the primary key's, so that it stops at the limit.
pub(crate) const USER_IDS_BY_WORD: &str =
    "SELECT user_id FROM user_words WHERE word >= $1 AND word < $2 ORDER BY word, user_id LIMIT $3";
/// id, name, name_key, words_version
pub(crate) const RENAME_USER: &str = "UPDATE users SET name = $2, name_key = $3, words_name = $2, words_version = $4 WHERE id = $1 AND deleted_at IS NULL";
/// id, hash, old hash
pub(crate) const SET_PASSWORD: &str = "UPDATE users SET password_hash = $2 \
     WHERE id = $1 AND password_hash = $3 AND disabled_at IS NULL AND deleted_at IS NULL";
/// id, old, new
pub(crate) const REPLACE_PASSWORD_HASH: &str =
    "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2";
/// id
pub(crate) const CONNECT_SNAPSHOT: &str = concat!(
    "SELECT ",
    user_columns!(),
    ", u.membership_version, u.blocks_version, ",
    sends_receipts!("u.id"),
    " FROM users u WHERE u.id = $1"
);
