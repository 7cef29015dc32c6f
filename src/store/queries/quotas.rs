//! SQL for quotas.

/// user, most conversations that are counted. The columns: both quotas or NULLs, the day, the number of the day, the conversations that the user
/// has made.
pub(crate) const CREATOR_QUOTAS: &str = "SELECT u.conversations_max, u.new_a_day_max, u.new_day, u.new_that_day, \
     (SELECT count(*) FROM (SELECT 1 FROM conversations WHERE creator_id = $1 LIMIT $2) made) FROM users u WHERE u.id = $1";
/// user, day, number
pub(crate) const SET_NEW_THAT_DAY: &str = "UPDATE users SET new_day = $2, new_that_day = $3 WHERE id = $1";
