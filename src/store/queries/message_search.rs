//! SQL for searching messages.

pub(crate) const INDEX_VERSIONS: &str = "SELECT version, is_complete, used_at FROM search_versions";
/// version, is_complete, used_at
pub(crate) const SET_INDEX_VERSION: &str = "INSERT INTO search_versions (version, is_complete, used_at) VALUES ($1, $2, $3) \
     ON CONFLICT (version) DO UPDATE SET is_complete = search_versions.is_complete OR excluded.is_complete, used_at = excluded.used_at";
/// version
pub(crate) const FORGET_INDEX_VERSION: &str = "DELETE FROM search_versions WHERE version = $1";
/// version, first conversation, limit
pub(crate) const INDEX_POSITIONS: &str = "SELECT w.id, k.last_seq, c.seq FROM ( \
         SELECT id FROM (SELECT conversation_id AS id FROM counters WHERE conversation_id >= $2 ORDER BY conversation_id LIMIT $3) existing \
         UNION SELECT id FROM (SELECT conversation_id AS id FROM search_cursors WHERE version = $1 AND conversation_id >= $2 \
             ORDER BY conversation_id LIMIT $3) known \
         ORDER BY id LIMIT $3) w \
     LEFT JOIN counters k ON k.conversation_id = w.id \
     LEFT JOIN search_cursors c ON c.version = $1 AND c.conversation_id = w.id ORDER BY w.id";
/// version, conversation
pub(crate) const DELETE_CURSOR: &str = "DELETE FROM search_cursors WHERE version = $1 AND conversation_id = $2";
/// user, limit
pub(crate) const SOME_CONVERSATIONS: &str = "SELECT conversation_id FROM members WHERE user_id = $1 LIMIT $2";
/// user, limit
pub(crate) const GROUP_NAMES: &str = "SELECT c.id, c.name FROM members mb JOIN conversations c ON c.id = mb.conversation_id \
     WHERE mb.user_id = $1 AND c.name IS NOT NULL LIMIT $2";
/// direct_key
pub(crate) const DIRECT_CONVERSATION: &str = "SELECT id FROM conversations WHERE direct_key = $1";
