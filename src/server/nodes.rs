//! Nodes: joins this process to the others that share its database.

use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::config::Config;
use crate::bus::cluster::notify::NotifyCarrier;
use crate::bus::cluster::{Cluster, Seal};
use crate::bus::{Bus, Inbox};
use crate::delivery::supervised;
use crate::domain::Incarnation;
use crate::limits;
use crate::store::postgres::notifications::Notifications;
use crate::store::{ClusterIdentity, Store};
use crate::sync::LeaseKeeper;

/// The parts of a node that do not need its inbox.
pub(super) struct Joining {
    store: Arc<dyn Store>,
    incarnation: Incarnation,
    seal: Seal,
    notifications: Notifications,
}

/// A node that is about to start.
pub(super) struct Joined {
    leases: LeaseKeeper,
    carrier: NotifyCarrier,
}

/// The running tasks of a node.
pub(super) struct Node {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Joining {
    /// Reads the identity of the nodes that share the store, and checks the configuration. Returns `None` for a store that a single process uses.
    pub(super) async fn prepare(
        config: &Config,
        secret: &[u8],
        store: &Arc<dyn Store>,
    ) -> Result<Option<Self>, String> {
        let Some(nodes) = store.nodes() else {
            return match config.listen_url {
                None => Ok(None),
                Some(_) => Err("CHINWAG_LISTEN_URL needs a DATABASE_URL that is postgres://…".to_owned()),
            };
        };
        let first = ClusterIdentity { id: Uuid::now_v7(), shard_count: limits::SHARDS };
        let cluster = nodes.cluster(first).await.map_err(|error| format!("DATABASE_URL: {}", error.detail))?;
        let gate = store.history_gate().unwrap_or_default();
        let notifications = match &config.listen_url {
            None => Notifications::new(&config.database.store_url()?, cluster.id, gate)
                .map_err(|error| format!("DATABASE_URL: {}", error.detail))?,
            Some(url) => {
                let refused = |detail| format!("CHINWAG_LISTEN_URL: {detail}");
                let notifications =
                    Notifications::new(url, cluster.id, gate).map_err(|error| refused(error.detail.into()))?;
                notifications.connect().await.map_err(refused)?;
                notifications
            }
        };
        let incarnation = Incarnation::new();
        let (store, seal) = (Arc::clone(store), Seal::new(secret, cluster.id, incarnation));
        Ok(Some(Self { store, incarnation, seal, notifications }))
    }

    /// Makes the bus of a node with this inbox, and its tasks.
    pub(super) fn join(self, inbox: Arc<dyn Inbox>) -> (Arc<dyn Bus>, Joined) {
        let cluster = Cluster::new(inbox, self.seal);
        let leases = LeaseKeeper::new(&self.store, &cluster, self.incarnation);
        let carrier = NotifyCarrier::new(&cluster, self.notifications);
        (cluster, Joined { leases, carrier })
    }
}

impl Joined {
    /// Takes the first lease, and starts the tasks.
    pub(super) async fn start(mut self) -> Result<Node, String> {
        self.leases.renew().await.map_err(|error| format!("DATABASE_URL: {}", error.detail))?;
        let stop = CancellationToken::new();
        let task = tokio::spawn(supervised(self.run(stop.clone())));
        Ok(Node { task, stop })
    }

    /// Runs until `stop`. The lease ends last: until then, others deliver the packets of this node.
    async fn run(mut self, stop: CancellationToken) {
        tokio::join!(self.leases.run(&stop), self.carrier.run(stop.clone()));
        self.leases.end().await;
    }
}

impl Node {
    /// Sends what waits for other nodes, and ends the lease. Gives up at `deadline`: then the lease ends by itself.
    pub(super) async fn end(self, deadline: Instant) {
        self.stop.cancel();
        let _ = timeout_at(deadline, self.task).await;
    }
}
