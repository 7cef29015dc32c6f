//! Known networks.

use async_trait::async_trait;
use rusqlite::params;

use super::Sqlite;
use super::rows::value;
use super::sql::{one, run, sql};
use crate::domain::{Result, Timestamp, UserId};
use crate::limits;
use crate::store::KnownNetworks;
use crate::store::queries::known_networks::{DELETE_OLDEST_NETWORKS, INSERT_KNOWN_NETWORK, IS_KNOWN_NETWORK};

/// since, limit
const SWEEP_NETWORKS: &str = "DELETE FROM known_networks WHERE (user_id, network) IN \
     (SELECT user_id, network FROM known_networks WHERE used_at <= ?1 ORDER BY used_at LIMIT ?2)";

#[async_trait]
impl KnownNetworks for Sqlite {
    async fn insert_known_network(
        &self,
        user_id: UserId,
        network: i64,
        at: Timestamp,
        since: Timestamp,
        at_most: i64,
    ) -> Result<()> {
        self.write(move |db| {
            run(db, SWEEP_NETWORKS, params![since, limits::KNOWN_NETWORKS_SWEPT])?;
            run(db, sql!(INSERT_KNOWN_NETWORK), params![user_id, network, at])?;
            run(db, sql!(DELETE_OLDEST_NETWORKS), params![user_id, at_most]).map(drop)
        })
        .await
    }

    async fn is_known_network(&self, user_id: UserId, network: i64, since: Timestamp) -> Result<bool> {
        let known =
            self.read(move |db| one(db, sql!(IS_KNOWN_NETWORK), params![user_id, network, since], value::<i64>));
        Ok(known.await?.is_some())
    }
}
