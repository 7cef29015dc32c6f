//! SQL for sessions.

macro_rules! session_columns {
    () => {
        "id, user_id, generation, created_at, rotated_at, expires_at, ended_at, user_agent"
    };
}

/// id, user, generation, created_at, rotated_at, expires_at, user_agent
pub(crate) const INSERT_SESSION: &str = "INSERT INTO sessions (id, user_id, generation, created_at, rotated_at, expires_at, user_agent) \
     VALUES ($1, $2, $3, $4, $5, $6, $7)";
/// user, id
pub(crate) const SESSION: &str =
    concat!("SELECT ", session_columns!(), " FROM sessions WHERE user_id = $1 AND id = $2");
/// id. For refresh tokens that do not name their user.
pub(crate) const SESSION_BY_ID: &str = concat!("SELECT ", session_columns!(), " FROM sessions WHERE id = $1");
/// user, at, before, limit. The newest first: ids sort by the time of the login.
pub(crate) const SESSIONS_OF: &str = concat!(
    "SELECT ",
    session_columns!(),
    " FROM sessions WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 AND id < $3 ORDER BY id DESC LIMIT $4"
);
/// id, user, at
pub(crate) const END_SESSION_OF: &str =
    "UPDATE sessions SET ended_at = $3 WHERE id = $1 AND user_id = $2 AND ended_at IS NULL AND expires_at > $3";
/// user, id, generation, at, expires_at. A generation above the session's is signed as well: a client got it after the backup that was restored.
pub(crate) const ROTATE_SESSION: &str = "UPDATE sessions SET generation = $3 + 1, rotated_at = $4, expires_at = $5 \
     WHERE user_id = $1 AND id = $2 AND generation <= $3 AND ended_at IS NULL AND expires_at > $4";
/// user, id, at
pub(crate) const END_SESSION: &str =
    "UPDATE sessions SET ended_at = $3 WHERE user_id = $1 AND id = $2 AND ended_at IS NULL";
/// since, after (a session that ended at that time), limit. Many sessions can end in one moment.
pub(crate) const ENDED_SESSIONS: &str = "SELECT ended_at, id FROM sessions WHERE ended_at >= $1 AND (ended_at > $1 OR id > $2) ORDER BY ended_at, id LIMIT $3";
/// user, at, the number that stay. The oldest end: ids sort by the time of the login.
pub(crate) const END_OLDEST_SESSIONS: &str = "UPDATE sessions SET ended_at = $2 \
     WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 AND id <= (SELECT id FROM sessions \
     WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 ORDER BY id DESC LIMIT 1 OFFSET $3)";
/// user, keep (NULL for none), at
pub(crate) const END_OTHER_SESSIONS: &str = "UPDATE sessions SET ended_at = $3 WHERE user_id = $1 AND id IS DISTINCT FROM $2 AND ended_at IS NULL AND expires_at > $3 RETURNING id";
