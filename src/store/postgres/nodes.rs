//! Nodes.

use std::time::Duration;

use async_trait::async_trait;

use super::{Postgres, bounded, rows};
use crate::domain::{Error, Incarnation, Result, Timestamp};
use crate::store::{ClusterIdentity, Nodes, Renewal};

/// id, shards
const INSERT_CLUSTER: &str = "INSERT INTO cluster (id, shard_count) VALUES ($1, $2) ON CONFLICT DO NOTHING";
pub(super) const CLUSTER: &str = "SELECT id, shard_count FROM cluster";
/// node, lease (s), kept (s). Returns the nodes that held a lease before the statement, and the time: the node itself is among them if it did. Skips dead nodes that
/// another node is deleting. Does not wait for the disk or a standby: a lease that is lost is renewed, and nodes stay alive for each other while a synchronous
/// standby does not answer.
const RENEW_LEASE: &str = "WITH swept AS ( \
         DELETE FROM nodes WHERE incarnation IN ( \
             SELECT incarnation FROM nodes WHERE leased_to < now() - make_interval(secs => $3) AND incarnation <> $1 FOR UPDATE SKIP LOCKED) \
     ), renewed AS ( \
         INSERT INTO nodes (incarnation, started_at, leased_to) SELECT $1, now(), now() + make_interval(secs => $2) \
         WHERE set_config('synchronous_commit', 'off', true) = 'off' \
         ON CONFLICT (incarnation) DO UPDATE SET leased_to = excluded.leased_to \
     ) SELECT incarnation, clock_timestamp() FROM nodes WHERE leased_to > now()";
/// node
const END_LEASE: &str = "DELETE FROM nodes WHERE incarnation = $1";

#[async_trait]
impl Nodes for Postgres {
    async fn cluster(&self, first: ClusterIdentity) -> Result<ClusterIdentity> {
        self.count(INSERT_CLUSTER, &[&first.id, &first.shard_count]).await?;
        let read =
            |columns: &mut rows::Columns<'_>| Ok(ClusterIdentity { id: columns.next()?, shard_count: columns.next()? });
        self.one(CLUSTER, &[], read).await?.ok_or_else(|| Error::internal("the table cluster has no row"))
    }

    async fn renew_lease(&self, node: Incarnation, lease: Duration, kept: Duration) -> Result<Renewal> {
        let (lease, kept) = (lease.as_secs_f64(), kept.as_secs_f64());
        let live = bounded(async {
            let leased = self.lease_lane.lease(&self.connector).await?;
            let live = leased.connection.rows(RENEW_LEASE, &[&node, &lease, &kept]).await?;
            leased.keep();
            Ok(live)
        });
        let live: Vec<(Incarnation, Timestamp)> = rows::all(&live.await?, rows::pair)?;
        let store_time = live.first().map(|(_, time)| *time);
        let others: Vec<_> = live.iter().map(|(other, _)| *other).filter(|other| *other != node).collect();
        Ok(Renewal { is_new: others.len() == live.len(), others, store_time })
    }

    async fn end_lease(&self, node: Incarnation) -> Result<()> {
        bounded(async {
            let leased = self.lease_lane.lease(&self.connector).await?;
            leased.connection.count(END_LEASE, &[&node]).await?;
            leased.keep();
            Ok(())
        })
        .await
    }
}
