//! SQL for accounts.

use super::users::user_columns;

macro_rules! account_columns {
    () => {
        concat!(user_columns!(), ", u.is_admin, u.disabled_at, u.conversations_max, u.new_a_day_max")
    };
}

pub(crate) use account_columns;

/// id
pub(crate) const ACCOUNT: &str =
    concat!("SELECT ", account_columns!(), " FROM users u WHERE u.id = $1 AND u.deleted_at IS NULL");
/// username_key
pub(crate) const ACCOUNT_OF: &str =
    concat!("SELECT ", account_columns!(), " FROM users u WHERE u.username_key = $1 AND u.deleted_at IS NULL");
/// id, hash, is_admin, disabled, at, both quotas. NULL leaves a column as it is. The hash of a disabled user begins with "!".
pub(crate) const CHANGE_ACCOUNT: &str = "UPDATE users SET \
     password_hash = CASE WHEN coalesce($4, disabled_at IS NOT NULL) THEN '!' ELSE '' END || coalesce($2, ltrim(password_hash, '!')), \
     is_admin = coalesce($3, is_admin), \
     conversations_max = coalesce($6, conversations_max), new_a_day_max = coalesce($7, new_a_day_max), \
     disabled_at = CASE WHEN coalesce($4, disabled_at IS NOT NULL) THEN coalesce(disabled_at, $5) END \
     WHERE id = $1 AND deleted_at IS NULL";
