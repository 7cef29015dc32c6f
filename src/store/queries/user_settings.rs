//! SQL for the settings of users.

/// True if the user sends read receipts.
macro_rules! sends_receipts {
    ($($user_id:literal),+) => {
        concat!("coalesce((SELECT s.send_receipts FROM user_settings s WHERE s.user_id = ", $($user_id,)+ "), true)")
    };
}
pub(crate) use sends_receipts;

/// user
pub(crate) const SETTINGS: &str = concat!(
    "SELECT u.contact_from, ",
    sends_receipts!("u.id"),
    " FROM users u WHERE u.id = $1 AND u.deleted_at IS NULL"
);
/// user, send_receipts
pub(crate) const SET_SEND_RECEIPTS: &str = "INSERT INTO user_settings (user_id, send_receipts) \
     SELECT id, $2 FROM users WHERE id = $1 AND deleted_at IS NULL \
     ON CONFLICT (user_id) DO UPDATE SET send_receipts = excluded.send_receipts";
