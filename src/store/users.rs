//! Users: accounts, profiles, and the facts that a connecting client gets.

use async_trait::async_trait;

use crate::domain::account::Credentials;
use crate::domain::session::Caller;
use crate::domain::user::{ConnectSnapshot, Name, User};
use crate::domain::{Code, ConversationId, Error, Result, SessionId, Timestamp, UserId};

/// The store's methods for users.
#[async_trait]
pub trait Users: Send + Sync {
    /// Inserts a user and the words by which they are found. Fails with `username_taken` if a user has that name in any case.
    async fn insert_user(&self, user: &User, password_hash: &str) -> Result<()>;

    /// The user.
    async fn user(&self, id: UserId) -> Result<Option<User>>;

    /// The facts that a login compares, of the user with this folded username.
    async fn credentials(&self, username_key: &str) -> Result<Option<Credentials>>;

    /// The hash of a user's password. For a disabled user it matches nothing.
    async fn password_hash(&self, id: UserId) -> Result<Option<String>>;

    /// Lists the users whose folded username is `from` or comes after it, by username.
    async fn users(&self, from: &str, limit: usize) -> Result<Vec<User>>;

    /// Lists those of these users whose folded username is `from` or comes after it, by username. No id is given twice.
    async fn users_by_id(&self, ids: &[UserId], from: &str, limit: usize) -> Result<Vec<User>>;

    /// Lists users one of whose words starts with `prefix`, in no order. Lists a user once for each such word.
    async fn user_ids_by_word(&self, prefix: &str, limit: usize) -> Result<Vec<UserId>>;

    /// Rewrites the words of at most `limit` users, in one transaction: of those whose words have a version below `below`, or are of an
    /// earlier name. Returns the number of users, 0 if none are left or other processes are rewriting them.
    async fn rewrite_user_words(&self, below: i64, limit: usize) -> Result<usize>;

    /// Changes a user's display name, and their words.
    async fn rename_user(&self, id: UserId, name: &Name) -> Result<()>;

    /// Changes a user's password and, in the same transaction, ends all their live sessions but `keep`. Returns the ended ones. Fails with
    /// `session_ended` for a disabled user, whose sessions have all ended.
    async fn change_password(
        &self,
        id: UserId,
        old_hash: &str,
        hash: &str,
        keep: SessionId,
        at: Timestamp,
    ) -> Result<Vec<SessionId>>;

    /// Replaces the hash of a user's password by another hash of the same password, if it is still `old`.
    async fn replace_password_hash(&self, id: UserId, old: &str, new: &str) -> Result<()>;

    /// Sets the time at which these users were last seen, of those who show it. Never sets an earlier time than before.
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

/// The error for a change of the password of a disabled user.
pub(super) fn disabled_meanwhile() -> Error {
    Error::new(Code::SessionEnded, "The session has ended. Log in again.")
}

/// The error for an insert of a user whose username exists.
pub(super) fn username_taken() -> Error {
    Error::new(Code::UsernameTaken, "This username is taken.")
}
