//! Counters: the row that each numbered write of a conversation locks.

/// conversation
pub(super) const LOCK_COUNTER: &str = "SELECT 1 FROM counters WHERE conversation_id = $1 FOR UPDATE";
