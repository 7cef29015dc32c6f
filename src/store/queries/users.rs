//! SQL for users.

use super::width;

macro_rules! user_columns {
    () => {
        "u.id, u.username, u.name, u.created_at, u.last_seen_at"
    };
}
pub(crate) use user_columns;

/// The number of columns in `user_columns!`.
pub(crate) const USER_WIDTH: usize = width(user_columns!());

/// id, username, username_key, name, name_key, password_hash, created_at
pub(crate) const INSERT_USER: &str = "INSERT INTO users (id, username, username_key, name, name_key, password_hash, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (username_key) DO NOTHING";
/// id
pub(crate) const USER: &str = concat!("SELECT ", user_columns!(), " FROM users u WHERE u.id = $1");
/// username_key. The columns: the user's, and the password's hash.
pub(crate) const CREDENTIALS: &str =
    concat!("SELECT ", user_columns!(), ", u.password_hash FROM users u WHERE u.username_key = $1");
/// id
pub(crate) const PASSWORD_HASH: &str = "SELECT password_hash FROM users WHERE id = $1";
/// after, prefix, prefix with TEXT_END, limit
pub(crate) const USERS: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM users u WHERE u.username_key > $1 \
     AND ((u.username_key >= $2 AND u.username_key < $3) OR (u.name_key >= $2 AND u.name_key < $3)) \
     ORDER BY u.username_key LIMIT $4"
);
/// id, name, name_key
pub(crate) const RENAME_USER: &str = "UPDATE users SET name = $2, name_key = $3 WHERE id = $1";
/// id, hash
pub(crate) const SET_PASSWORD: &str = "UPDATE users SET password_hash = $2 WHERE id = $1";
/// id
pub(crate) const CONNECT_SNAPSHOT: &str =
    concat!("SELECT ", user_columns!(), ", u.membership_version FROM users u WHERE u.id = $1");
