//! Deletions of accounts. What is left of a deleted user is a row without personal data, which messages name as their sender.

use async_trait::async_trait;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use ring::digest::{SHA256, digest};

use crate::domain::account::{Departure, Tombstone};
use crate::domain::user::Name;
use crate::domain::{Result, SessionId, Timestamp, UserId};

/// The store's methods for deletions.
#[async_trait]
pub trait Deletions: Send + Sync {
    /// Deletes a user, in one transaction: replaces the names, removes the password, the role, the words, the tickets and the client's names
    /// of the sessions, retires the username, ends the live sessions, and inserts a departure. Returns the ended sessions. `None` if
    /// there is no such user. What other users can add to without end is left to [`Deletions::sweep_user`].
    async fn delete_user(&self, id: UserId, tombstone: &Tombstone, at: Timestamp) -> Result<Option<Vec<SessionId>>>;

    /// Returns the names of these users, and true for each who was deleted.
    async fn names(&self, ids: &[UserId]) -> Result<Vec<(UserId, Name, bool)>>;

    /// Returns deleted users who may still be in groups, with the time of their deletion, in the order of time and id, of those after `after`.
    async fn departures(&self, after: (Timestamp, UserId), limit: usize) -> Result<Vec<(Timestamp, UserId)>>;

    /// Returns the groups that a deleted user is still in.
    async fn departures_of(&self, user_id: UserId, limit: usize) -> Result<Vec<Departure>>;

    /// Deletes some of what is left of a deleted user: contacts in both directions, blocks in both directions, with their marks in direct
    /// conversations, notes of groups that the user left, saved messages, and the known networks. Deletes at most `limit` rows of each kind and direction.
    /// Returns true if there may be more. A login that was under way at the deletion may have added a known network after it.
    async fn sweep_user(&self, user_id: UserId, limit: usize) -> Result<bool>;

    /// Removes a departure, unless the user is in a group or was deleted after `before`.
    async fn end_departure(&self, user_id: UserId, before: Timestamp) -> Result<()>;
}

/// Returns the text that stands for a username that nobody gets again. It is a hash, so that the name itself is gone.
pub(super) fn retired_key(username_key: &str) -> String {
    BASE64.encode(digest(&SHA256, username_key.as_bytes()))
}
