//! SQL for the settings of members.

/// conversation, user, level, until. Changes no row that is as it should be.
pub(crate) const SET_NOTIFICATIONS: &str = "UPDATE members SET notify_level = $3, notify_until = $4 \
     WHERE conversation_id = $1 AND user_id = $2 AND (notify_level IS DISTINCT FROM $3 OR notify_until IS DISTINCT FROM $4)";
/// conversation, user
pub(crate) const IS_MEMBER: &str = "SELECT 1 FROM members WHERE conversation_id = $1 AND user_id = $2";
