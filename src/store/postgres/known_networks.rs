//! Known networks.

use async_trait::async_trait;

use super::{Postgres, rows};
use crate::domain::{Result, Timestamp, UserId};
use crate::limits;
use crate::store::KnownNetworks;
use crate::store::queries::known_networks::{DELETE_OLDEST_NETWORKS, INSERT_KNOWN_NETWORK, IS_KNOWN_NETWORK};

/// since, limit. Skips networks that another node is deleting, as tickets are.
const SWEEP_NETWORKS: &str = "DELETE FROM known_networks WHERE (user_id, network) IN ( \
         SELECT user_id, network FROM known_networks WHERE used_at <= $1 ORDER BY used_at LIMIT $2 FOR UPDATE SKIP LOCKED)";

/// since, limit. Of all shards.
const EXPIRED_NETWORKS: &str =
    "SELECT user_id, network FROM known_networks WHERE used_at <= $1 ORDER BY used_at LIMIT $2";
/// user, network, since
const DELETE_EXPIRED_NETWORK: &str = "DELETE FROM known_networks WHERE user_id = $1 AND network = $2 AND used_at <= $3";

#[async_trait]
impl KnownNetworks for Postgres {
    async fn insert_known_network(
        &self,
        user_id: UserId,
        network: i64,
        at: Timestamp,
        since: Timestamp,
        at_most: i64,
    ) -> Result<()> {
        if self.connector.is_distributed {
            let (find, delete) = (EXPIRED_NETWORKS, DELETE_EXPIRED_NETWORK);
            self.sweep_by_user::<i64>(find, delete, since, limits::KNOWN_NETWORKS_SWEPT).await?;
        } else {
            self.count(SWEEP_NETWORKS, &[&since, &limits::KNOWN_NETWORKS_SWEPT]).await?;
        }
        self.count(INSERT_KNOWN_NETWORK, &[&user_id, &network, &at]).await?;
        self.count(DELETE_OLDEST_NETWORKS, &[&user_id, &at_most]).await.map(drop)
    }

    async fn is_known_network(&self, user_id: UserId, network: i64, since: Timestamp) -> Result<bool> {
        Ok(self.one(IS_KNOWN_NETWORK, &[&user_id, &network, &since], rows::value::<i32>).await?.is_some())
    }
}
