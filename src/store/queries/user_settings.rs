//! SQL for the settings of users.

/// True if the user sends read receipts.
macro_rules! sends_receipts {
    ($($user_id:literal),+) => {
        concat!("coalesce((SELECT s.send_receipts FROM user_settings s WHERE s.user_id = ", $($user_id,)+ "), true)")
    };
}
pub(crate) use sends_receipts;

/// True if others see when the user was last seen.
macro_rules! shows_last_seen {
    ($user_id:literal) => {
        concat!("coalesce((SELECT s.show_last_seen FROM user_settings s WHERE s.user_id = ", $user_id, "), true)")
    };
}
pub(crate) use shows_last_seen;

/// user
pub(crate) const SETTINGS: &str = concat!(
    "SELECT u.contact_from, ",
    sends_receipts!("u.id"),
    ", ",
    shows_last_seen!("u.id"),
    ", (SELECT s.do_not_disturb_until FROM user_settings s WHERE s.user_id = u.id) \
     FROM users u WHERE u.id = $1 AND u.deleted_at IS NULL"
);
/// user, send_receipts
pub(crate) const SET_SEND_RECEIPTS: &str = "INSERT INTO user_settings (user_id, send_receipts) \
     SELECT id, $2 FROM users WHERE id = $1 AND deleted_at IS NULL \
     ON CONFLICT (user_id) DO UPDATE SET send_receipts = excluded.send_receipts";
/// user, show_last_seen
pub(crate) const SET_SHOW_LAST_SEEN: &str = "INSERT INTO user_settings (user_id, show_last_seen) \
     SELECT id, $2 FROM users WHERE id = $1 AND deleted_at IS NULL \
     ON CONFLICT (user_id) DO UPDATE SET show_last_seen = excluded.show_last_seen";
/// user, show_last_seen
pub(crate) const FORGET_LAST_SEEN: &str =
    "UPDATE users SET last_seen_at = CASE WHEN $2 THEN last_seen_at END WHERE id = $1";
/// user, until
pub(crate) const SET_DO_NOT_DISTURB: &str = "INSERT INTO user_settings (user_id, do_not_disturb_until) \
     SELECT id, $2 FROM users WHERE id = $1 AND deleted_at IS NULL \
     ON CONFLICT (user_id) DO UPDATE SET do_not_disturb_until = excluded.do_not_disturb_until";
