//! User settings: what users decide about themselves.

use async_trait::async_trait;

use crate::domain::user::MySettings;
use crate::domain::{Result, Timestamp, UserId};

/// The store's methods for the settings of users.
#[async_trait]
pub trait UserSettings: Send + Sync {
    /// Returns a user's settings. `None` if there is no such user.
    async fn settings(&self, user_id: UserId) -> Result<Option<MySettings>>;

    /// Sets if a user sends read receipts, and so sees those of others.
    async fn set_send_receipts(&self, user_id: UserId, send_receipts: bool) -> Result<()>;

    /// Sets if others see when a user was last seen. If not, the time is forgotten, and [`Users::set_last_seen`](super::Users::set_last_seen)
    /// writes none any more.
    async fn set_show_last_seen(&self, user_id: UserId, show_last_seen: bool) -> Result<()>;

    /// Sets the time until which the user's clients show no notifications.
    async fn set_do_not_disturb(&self, user_id: UserId, until: Option<Timestamp>) -> Result<()>;

    /// Returns those of these users, in no order, whose `read_seq` a reader may not see, because one of the two sends no read receipts. Readers
    /// see their own.
    async fn hidden_readers(&self, reader_id: UserId, ids: &[UserId]) -> Result<Vec<UserId>>;

    /// Returns those of these users, in no order, who send no read receipts.
    async fn silent_readers(&self, ids: &[UserId]) -> Result<Vec<UserId>>;
}
