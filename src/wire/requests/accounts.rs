//! Inputs of the operations on accounts: by registration, and by operators.

use serde::Deserialize;

use crate::domain::UserId;

/// `account.register`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Register {
    pub username: String,
    /// The display name. By default the username.
    pub name: Option<String>,
    pub password: String,
    /// The code of an invitation, where registration needs one.
    pub invite: Option<String>,
}

/// `account.create`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct CreateAccount {
    pub username: String,
    /// The display name. By default the username.
    pub name: Option<String>,
    pub password: String,
    #[serde(default)]
    pub is_admin: bool,
}

/// `account.update`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct UpdateAccount {
    pub user_id: UserId,
    /// The new password. It ends the user's sessions.
    pub password: Option<String>,
    pub is_admin: Option<bool>,
    /// A disabled user cannot log in. Disabling ends the user's sessions.
    pub disabled: Option<bool>,
    /// Conversations that the user may have made.
    pub quota_conversations: Option<u64>,
    /// Conversations that the user may begin in a day with nobody who has the user as a contact.
    pub quota_new_a_day: Option<u64>,
}
