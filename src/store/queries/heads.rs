//! SQL for heads, which the conversations' counters hold.

/// conversation, member_count, active_at
pub(crate) const INSERT_COUNTER: &str =
    "INSERT INTO counters (conversation_id, member_count, active_at) VALUES ($1, $2, $3)";
/// conversation, last_seq, change of member_count, active_at
pub(crate) const ADVANCE_COUNTER: &str = "UPDATE counters SET last_seq = $2, member_count = member_count + $3, active_at = $4 \
     WHERE conversation_id = $1";
/// conversation
pub(crate) const HEAD: &str = "SELECT last_seq FROM counters WHERE conversation_id = $1";
