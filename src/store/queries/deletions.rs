//! SQL for deletions.

/// id, username, username_key, name, name_key, at, words_version
pub(crate) const ENTOMB_USER: &str = "UPDATE users SET username = $2, username_key = $3, name = $4, name_key = $5, password_hash = '', \
     is_admin = false, disabled_at = NULL, last_seen_at = NULL, contact_from = 'everyone', deleted_at = $6, words_name = $4, words_version = $7 \
     WHERE id = $1 AND deleted_at IS NULL";
/// key_hash
pub(crate) const RETIRE_USERNAME: &str = "INSERT INTO retired_usernames (key_hash) VALUES ($1) ON CONFLICT DO NOTHING";
/// key_hash
pub(crate) const IS_RETIRED: &str = "SELECT 1 FROM retired_usernames WHERE key_hash = $1";
/// user
pub(crate) const DELETE_TICKETS: &str = "DELETE FROM tickets WHERE user_id = $1";
/// user
pub(crate) const FORGET_USER_AGENTS: &str = "UPDATE sessions SET user_agent = NULL WHERE user_id = $1";
/// user, at
pub(crate) const INSERT_DEPARTURE: &str = "INSERT INTO departures (user_id, created_at) VALUES ($1, $2)";
/// since, after (a user who was deleted at that time), limit
pub(crate) const DEPARTURES: &str = "SELECT created_at, user_id FROM departures \
     WHERE created_at >= $1 AND (created_at > $1 OR user_id > $2) ORDER BY created_at, user_id LIMIT $3";
/// user, limit
pub(crate) const DEPARTURES_OF: &str = "SELECT mb.conversation_id, mb.role, \
     (SELECT other.user_id FROM members other WHERE other.conversation_id = mb.conversation_id AND other.user_id <> mb.user_id \
         ORDER BY CASE other.role WHEN 'admin' THEN 0 ELSE 1 END, other.joined_at, other.user_id LIMIT 1) \
     FROM members mb JOIN conversations c ON c.id = mb.conversation_id AND c.type = 'group' WHERE mb.user_id = $1 LIMIT $2";
/// user, limit. Both users of each block, in either direction.
pub(crate) const BLOCKS_TO_SWEEP: &str = "SELECT * FROM (SELECT user_id, blocked_id FROM blocks WHERE user_id = $1 LIMIT $2) own \
     UNION ALL SELECT * FROM (SELECT user_id, blocked_id FROM blocks WHERE blocked_id = $1 LIMIT $2) of_others";
/// user, before
pub(crate) const END_DEPARTURE: &str = "DELETE FROM departures WHERE user_id = $1 AND created_at <= $2 AND NOT EXISTS ( \
     SELECT 1 FROM members mb JOIN conversations c ON c.id = mb.conversation_id AND c.type = 'group' WHERE mb.user_id = $1)";
