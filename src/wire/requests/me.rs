//! Inputs of the operations on the caller's own account.

use serde::Deserialize;

use super::Nullable;

/// `me.update`
#[derive(Deserialize)]
pub struct UpdateMe {
    /// The new display name.
    pub name: Option<String>,
    /// The new password. It ends the other sessions.
    pub password: Option<String>,
    /// The present password. It is needed to set a new one.
    pub current_password: Option<String>,
    /// The settings that change.
    pub settings: Option<UpdateMySettings>,
}

/// The `settings` of `me.update`
#[derive(Default, Deserialize)]
pub struct UpdateMySettings {
    /// The users who may begin a conversation with this user: `everyone`, `contacts` or `nobody`.
    pub contact_from: Option<String>,
    /// False if other members do not see how far this user has read, nor this user how far they have.
    pub send_receipts: Option<bool>,
    /// False if others do not see when this user was last seen.
    pub show_last_seen: Option<bool>,
    /// The time until which the user's clients show no notifications. `null` ends it at once.
    #[serde(default)]
    pub do_not_disturb_until: Nullable<String>,
}

/// `me.delete`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct DeleteMe {
    pub password: String,
}
