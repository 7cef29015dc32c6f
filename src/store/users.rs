//! Users: accounts, profiles, and the facts that a connecting client gets.

use async_trait::async_trait;

use crate::domain::session::Caller;
use crate::domain::user::{ConnectSnapshot, Name, User};
use crate::domain::{Code, ConversationId, Error, Result, SessionId, Timestamp, UserId};

/// Users.
#[async_trait]
pub trait Users: Send + Sync {
    /// Inserts a user. Fails with `username_taken` if a user has that name in any case.
    async fn insert_user(&self, user: &User, password_hash: &str) -> Result<()>;

    /// The user.
    async fn user(&self, id: UserId) -> Result<Option<User>>;

    /// The user with this folded username, and the hash of their password.
    async fn credentials(&self, username_key: &str) -> Result<Option<(User, String)>>;

    /// The hash of a user's password.
    async fn password_hash(&self, id: UserId) -> Result<Option<String>>;

    /// Users by username, of those after `after` (a folded username); with `prefix` (folded) only those whose username or
    /// name starts with it.
    async fn users(&self, prefix: Option<&str>, after: Option<&str>, limit: usize) -> Result<Vec<User>>;

    /// Changes the name that others see of a user.
    async fn rename_user(&self, id: UserId, name: &Name) -> Result<()>;

    /// Changes a user's password and, in the same transaction, ends all their live sessions but `keep`. Returns the ended ones.
    async fn change_password(&self, id: UserId, hash: &str, keep: SessionId, at: Timestamp) -> Result<Vec<SessionId>>;

    /// Sets when these users were last seen; never backwards.
    async fn set_last_seen(&self, ids: &[UserId], at: Timestamp) -> Result<()>;

    /// The facts that a connecting client gets: the user, their session, and, if they are in the conversation `to`, its newest
    /// number and at most `limit` of its members in no order. Returns `None` if there is no such user.
    async fn connect_snapshot(
        &self,
        caller: &Caller,
        to: Option<ConversationId>,
        limit: usize,
    ) -> Result<Option<ConnectSnapshot>>;
}

/// The failure of an insert that met a user of the same name.
pub(super) fn username_taken() -> Error {
    Error::new(Code::UsernameTaken, "Somebody has this username.")
}
