//! Known networks: those from which a user has logged in.

use async_trait::async_trait;

use crate::domain::{Result, Timestamp, UserId};

/// The store's methods for known networks.
#[async_trait]
pub trait KnownNetworks: Send + Sync {
    /// Notes that the user logged in from a network at `at`, unless the user is deleted. Of more than `at_most` networks of the user, the ones
    /// used longest ago go. Deletes some that were not used since `since` as well, of any users.
    async fn insert_known_network(
        &self,
        user_id: UserId,
        network: i64,
        at: Timestamp,
        since: Timestamp,
        at_most: i64,
    ) -> Result<()>;

    /// Returns true if the user has logged in from a network since `since`.
    async fn is_known_network(&self, user_id: UserId, network: i64, since: Timestamp) -> Result<bool>;
}
