//! SQL for registration.

/// name
pub(crate) const SETTING: &str = "SELECT value FROM settings WHERE name = $1";
/// name, value
pub(crate) const SET_SETTING: &str =
    "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
/// name
pub(crate) const DELETE_SETTING: &str = "DELETE FROM settings WHERE name = $1";
/// code_hash, uses, created_at, expires_at
pub(crate) const INSERT_INVITE: &str =
    "INSERT INTO invites (code_hash, uses_left, created_at, expires_at) VALUES ($1, $2, $3, $4)";
/// code_hash, at. Locks the invitation, so that of many callers only as many as it has uses get one.
pub(crate) const TAKE_INVITE: &str =
    "UPDATE invites SET uses_left = uses_left - 1 WHERE code_hash = $1 AND uses_left > 0 AND expires_at > $2";
