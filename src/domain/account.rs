//! Accounts: users as an operator sees and changes them.

use super::conversation::Role;
use super::quotas::{Quotas, QuotasChange};
use super::user::{Name, User, Username};
use super::{ConversationId, Timestamp, UserId};

/// A user with the fields that only operators see.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Account {
    pub user: User,
    /// Admins call the operations for operators. They are no members of conversations by that.
    pub is_admin: bool,
    /// When an operator disabled the user, who has no sessions since then.
    pub disabled_at: Option<Timestamp>,
    pub quotas: Quotas,
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
    pub quotas: QuotasChange,
}

impl AccountChange {
    /// Returns the changed fields for the log, without the password.
    pub fn description(&self) -> String {
        let flag = |name: &str, value: Option<bool>| value.map(|value| format!("{name}: {value}"));
        let password = self.password_hash.as_ref().map(|_| "a new password".to_owned());
        let quota = |name: &str, value: Option<i64>| value.map(|value| format!("{name}: {value}"));
        let all = [
            password,
            flag("is_admin", self.is_admin),
            flag("disabled", self.disabled),
            quota("quota_conversations", self.quotas.conversations),
            quota("quota_new_a_day", self.quotas.new_a_day),
        ];
        all.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// Returns true if the user's sessions end with the change.
    pub fn ends_sessions(&self) -> bool {
        self.password_hash.is_some() || self.disabled == Some(true)
    }
}

/// The texts that replace a deleted user's names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Tombstone {
    pub username: Username,
    pub name: Name,
}

impl Tombstone {
    /// Makes a tombstone with a username of its own. It is random, so that nobody can register it first.
    pub fn new() -> Self {
        let random = UserId::new().0.simple().to_string();
        Self {
            username: Username::from_trusted(format!("deleted-{}", &random[8..])),
            name: Name::from_trusted("Deleted user".to_owned()),
        }
    }
}

impl Default for Tombstone {
    fn default() -> Self {
        Self::new()
    }
}

/// The membership of a deleted user in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Departure {
    pub conversation_id: ConversationId,
    pub role: Role,
    /// The senior admin, or else the senior member, to whom an owner hands over. `None` if there is no other member.
    pub successor: Option<UserId>,
}

#[cfg(test)]
mod tests {
    use super::Tombstone;
    use crate::domain::user::Username;

    #[test]
    fn a_tombstone_has_a_valid_username_of_its_own() {
        let (one, other) = (Tombstone::new(), Tombstone::new());
        assert_ne!(one.username, other.username);
        assert_eq!(Username::parse(one.username.as_str()), Ok(one.username));
    }
}
