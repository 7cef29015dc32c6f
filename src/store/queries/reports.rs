//! SQL for reports and removals.

use super::messages::message_columns;

macro_rules! report_view_select {
    ($condition:literal) => {
        concat!(
            "SELECT r.id, r.reporter_id, r.conversation_id, r.message_id, r.sender_id, r.content, r.sent_at, r.reason, r.created_at, \
             r.settled_at, r.resolution, reporter.username, sender.username \
             FROM reports r JOIN users reporter ON reporter.id = r.reporter_id JOIN users sender ON sender.id = r.sender_id WHERE ",
            $condition
        )
    };
}

/// conversation, user, message, bound of the user's open reports, bound of all open reports. No row if the user is not a member.
pub(crate) const REPORT_FACTS: &str = concat!(
    "SELECT EXISTS (SELECT 1 FROM reports r \
         WHERE r.reporter_id = mb.user_id AND r.conversation_id = mb.conversation_id AND r.message_id = $3), \
     (SELECT count(*) FROM (SELECT 1 FROM reports r WHERE r.reporter_id = mb.user_id AND r.settled_at IS NULL LIMIT $4) own), \
     (SELECT count(*) FROM (SELECT 1 FROM reports r WHERE r.settled_at IS NULL LIMIT $5) open_reports), ",
    message_columns!(),
    " FROM members mb LEFT JOIN messages m ON m.conversation_id = mb.conversation_id AND m.id = $3 \
     WHERE mb.conversation_id = $1 AND mb.user_id = $2"
);
/// id, reporter, conversation, message, sender, content, sent_at, reason, created_at
pub(crate) const INSERT_REPORT: &str = "INSERT INTO reports \
     (id, reporter_id, conversation_id, message_id, sender_id, content, sent_at, reason, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING";
/// id
pub(crate) const REPORT: &str = report_view_select!("r.id = $1");
/// after, limit. The oldest first: ids sort by the time of the report.
pub(crate) const OPEN_REPORTS: &str = report_view_select!("r.settled_at IS NULL AND r.id > $1 ORDER BY r.id LIMIT $2");
/// after, limit
pub(crate) const SETTLED_REPORTS: &str =
    report_view_select!("r.settled_at IS NOT NULL AND r.id > $1 ORDER BY r.id LIMIT $2");
/// conversation, message, at, resolution
pub(crate) const SETTLE_REPORTS: &str = "UPDATE reports SET settled_at = $3, resolution = $4 \
     WHERE conversation_id = $1 AND message_id = $2 AND settled_at IS NULL";
/// before, limit
pub(crate) const SWEEP_REPORTS: &str = "DELETE FROM reports WHERE id IN \
     (SELECT id FROM reports WHERE settled_at <= $1 ORDER BY settled_at LIMIT $2)";
/// since, limit
pub(crate) const REMOVALS: &str =
    "SELECT conversation_id, message_id FROM removals WHERE removed_at > $1 ORDER BY removed_at LIMIT $2";
/// before, limit
pub(crate) const SWEEP_REMOVALS: &str = "DELETE FROM removals WHERE (conversation_id, message_id) IN \
     (SELECT conversation_id, message_id FROM removals WHERE removed_at <= $1 ORDER BY removed_at LIMIT $2)";
/// conversation, message, at
pub(crate) const INSERT_REMOVAL: &str =
    "INSERT INTO removals (conversation_id, message_id, removed_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
