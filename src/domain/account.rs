//! Accounts: users as an operator sees and changes them.

use super::Timestamp;
use super::user::User;

/// A user with the fields that only operators see.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Account {
    pub user: User,
    /// Admins call the operations for operators. They are no members of conversations by that.
    pub is_admin: bool,
    /// When an operator disabled the user, who has no sessions since then.
    pub disabled_at: Option<Timestamp>,
}

/// The facts that a login compares.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Credentials {
    pub user: User,
    pub password_hash: String,
    pub is_disabled: bool,
}

/// An operator's change of an account. `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct AccountChange {
    pub password_hash: Option<String>,
    pub is_admin: Option<bool>,
    pub disabled: Option<bool>,
}

impl AccountChange {
    /// Returns the changed fields for the log, without the password.
    pub fn description(&self) -> String {
        let flag = |name: &str, value: Option<bool>| value.map(|value| format!("{name}: {value}"));
        let password = self.password_hash.as_ref().map(|_| "a new password".to_owned());
        let all = [password, flag("is_admin", self.is_admin), flag("disabled", self.disabled)];
        all.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// Returns true if the user's sessions end with the change.
    pub fn ends_sessions(&self) -> bool {
        self.password_hash.is_some() || self.disabled == Some(true)
    }
}
