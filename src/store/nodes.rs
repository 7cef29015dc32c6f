//! The nodes that share a store.

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::domain::{Incarnation, Result, Timestamp};

/// The identity of the nodes that share a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClusterIdentity {
    /// Distinguishes these nodes from those on another database.
    pub id: Uuid,
    /// The number of shards over which conversations and users are spread on NATS.
    pub shard_count: i32,
}

/// The result of a renewal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// True if the node held no lease before, so that other nodes took it for dead.
    pub is_new: bool,
    /// The other nodes that hold a lease.
    pub others: Vec<Incarnation>,
    /// The time by the store's clock. `None` if nobody held a lease before.
    pub store_time: Option<Timestamp>,
}

/// The store's methods for nodes. Leases go by the clock of the store, so that the clocks of the nodes may differ.
#[async_trait]
pub trait Nodes: Send + Sync {
    /// Returns the identity of the nodes that share the store. Writes `first` if it has none yet.
    async fn cluster(&self, first: ClusterIdentity) -> Result<ClusterIdentity>;

    /// Renews a node's lease from now on for `lease`, and returns the other nodes. Deletes nodes whose lease ended longer than `kept` ago.
    async fn renew_lease(&self, node: Incarnation, lease: Duration, kept: Duration) -> Result<Renewal>;

    /// Ends a node's lease.
    async fn end_lease(&self, node: Incarnation) -> Result<()>;
}
