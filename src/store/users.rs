//! Users: accounts, profiles, and the facts that a connecting client gets.

use async_trait::async_trait;

use crate::domain::session::Caller;
use crate::domain::user::{ConnectSnapshot, Name, User};
use crate::domain::{Code, ConversationId, Error, Result, SessionId, Timestamp, UserId};

/// The store's methods for users.
#[async_trait]
pub trait Users: Send + Sync {
    /// Inserts a user. Fails with `username_taken` if a user has that name in any case.
    async fn insert_user(&self, user: &User, password_hash: &str) -> Result<()>;

    /// The user.
    async fn user(&self, id: UserId) -> Result<Option<User>>;

    /// The user with this folded username, and the hash of the user's password.
    async fn credentials(&self, username_key: &str) -> Result<Option<(User, String)>>;

    /// The hash of a user's password.
    async fn password_hash(&self, id: UserId) -> Result<Option<String>>;

    /// Lists users after `after` (a folded username), by username. With `prefix` (folded) lists only users whose username or name
    /// starts with it.
    async fn users(&self, prefix: Option<&str>, after: Option<&str>, limit: usize) -> Result<Vec<User>>;

    /// Changes a user's display name.
    async fn rename_user(&self, id: UserId, name: &Name) -> Result<()>;

    /// Changes a user's password and, in the same transaction, ends all their live sessions but `keep`. Returns the ended ones.
    async fn change_password(&self, id: UserId, hash: &str, keep: SessionId, at: Timestamp) -> Result<Vec<SessionId>>;

    /// Sets the time at which these users were last seen. Never sets an earlier time than before.
    async fn set_last_seen(&self, ids: &[UserId], at: Timestamp) -> Result<()>;

    /// Returns the facts that a connecting client needs: its user, its session, and, if the user is in the conversation `to`, that
    /// conversation's newest number and at most `limit` of its members, in no order. `None` if there is no such user.
    async fn connect_snapshot(
        &self,
        caller: &Caller,
        to: Option<ConversationId>,
        limit: usize,
    ) -> Result<Option<ConnectSnapshot>>;
}

/// The error for an insert of a user whose username exists.
pub(super) fn username_taken() -> Error {
    Error::new(Code::UsernameTaken, "This username is taken.")
}
