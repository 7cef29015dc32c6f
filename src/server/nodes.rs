//! Nodes: joins this process to the others that share its database.

use std::fmt;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::config::Config;
use crate::bus::cluster::nats::{self, Servers, TlsFiles};
use crate::bus::cluster::notify::NotifyCarrier;
use crate::bus::cluster::{Cluster, Seal};
use crate::bus::{Bus, Inbox};
use crate::delivery::supervised;
use crate::domain::{Error, Incarnation, Shards};
use crate::limits;
use crate::registry::Registry;
use crate::store::postgres::notifications::Notifications;
use crate::store::{ClusterIdentity, Renewal, Store};
use crate::sync::LeaseKeeper;

/// The parts of a node that do not need its inbox.
pub(super) struct Joining {
    store: Arc<dyn Store>,
    incarnation: Incarnation,
    seal: Seal,
    /// The first lease.
    lease: Renewal,
    link: Link,
}

/// The service that carries packets between the nodes.
enum Link {
    Postgres(Box<Notifications>),
    Nats(Box<Nats>),
}

struct Nats {
    cluster_id: Uuid,
    shards: Shards,
    servers: Servers,
    tls: TlsFiles,
}

/// A node that is about to start.
pub(super) struct Joined {
    id: Incarnation,
    leases: LeaseKeeper,
    cluster: Arc<Cluster>,
    link: Link,
}

/// The running tasks of a node.
pub(super) struct Node {
    pub(super) id: Incarnation,
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Joining {
    /// Reads the identity of the nodes that share the store, checks the configuration, and takes the first lease: whatever this node does knows the
    /// others from the beginning. Returns `None` for a store that a single process uses.
    pub(super) async fn prepare(
        config: &Config,
        secret: &[u8],
        store: &Arc<dyn Store>,
    ) -> Result<Option<Self>, String> {
        let nats = config.nats.checked()?;
        let Some(nodes) = store.nodes() else {
            return match (config.listen_url()?, nats) {
                (None, None) => Ok(None),
                (Some((_, variable)), _) => Err(format!("{variable} needs a DATABASE_URL that is postgres://…")),
                (_, Some(_)) => Err(format!("{} needs a DATABASE_URL that is postgres://…", config.nats.variable())),
            };
        };
        let first = ClusterIdentity { id: Uuid::now_v7(), shard_count: limits::SHARDS };
        let failed = |error: Error| format!("DATABASE_URL: {}", error.detail);
        let cluster = nodes.cluster(first).await.map_err(failed)?;
        let link = match nats {
            Some((servers, tls)) => {
                let shards = u32::try_from(cluster.shard_count).ok().and_then(NonZeroU32::new).map(Shards);
                let shards = shards.ok_or("DATABASE_URL: the database has no valid number of shards")?;
                Link::Nats(Box::new(Nats { cluster_id: cluster.id, shards, servers, tls }))
            }
            None => Link::Postgres(Box::new(notifications(config, cluster.id, store).await?)),
        };
        let incarnation = Incarnation::new();
        let lease = nodes.renew_lease(incarnation, limits::LEASE, limits::DEAD_NODE_KEPT).await.map_err(failed)?;
        let (store, seal) = (Arc::clone(store), Seal::new(secret, cluster.id, incarnation));
        Ok(Some(Self { store, incarnation, seal, lease, link }))
    }

    /// Makes the bus of a node with this inbox, and its tasks.
    pub(super) fn join(self, inbox: Arc<dyn Inbox>) -> (Arc<dyn Bus>, Joined) {
        let gate = self.store.history_gate().unwrap_or_default();
        let cluster = Cluster::new(inbox, self.seal, gate);
        let bus = self.link.to_string();
        let leases = LeaseKeeper::new(&self.store, &cluster, bus, self.incarnation, self.lease);
        (Arc::clone(&cluster) as _, Joined { id: self.incarnation, leases, cluster, link: self.link })
    }
}

/// Returns what listens for notifications, with its configuration checked.
async fn notifications(config: &Config, cluster_id: Uuid, store: &Arc<dyn Store>) -> Result<Notifications, String> {
    let gate = store.history_gate().unwrap_or_default();
    let Some((url, variable)) = config.listen_url()? else {
        return Notifications::new(&config.database.store_url()?, cluster_id, gate)
            .map_err(|error| format!("DATABASE_URL: {}", error.detail));
    };
    let refused = |detail| format!("{variable}: {detail}");
    let notifications = |gate| Notifications::new(&url, cluster_id, gate).map_err(|error| refused(error.detail.into()));
    // With a gate of its own: a URL of another server is a mistake, and no server that has taken over.
    notifications(Arc::default())?.connect().await.map_err(refused)?;
    notifications(gate)
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres(_) => f.write_str("PostgreSQL's NOTIFY"),
            Self::Nats(link) => write!(f, "NATS at {}", link.servers),
        }
    }
}

impl Link {
    /// Returns what takes packets to the other nodes and brings theirs, until `stop`. `registry` has no connections yet.
    async fn carry(
        self,
        cluster: &Arc<Cluster>,
        registry: &Registry,
        stop: &CancellationToken,
    ) -> Result<Carrying, String> {
        match self {
            Self::Postgres(notifications) => {
                tracing::info!("other nodes on this database are heard through PostgreSQL");
                Ok(Box::pin(NotifyCarrier::new(cluster, *notifications).run(stop.clone())))
            }
            Self::Nats(link) => {
                let Nats { cluster_id, shards, servers, tls } = *link;
                tracing::info!(%servers, "the nodes are joined by NATS");
                let interest = registry.watch_interest(shards);
                let (publisher, receiver, deliverer) =
                    nats::connect(cluster, cluster_id, interest, &servers, &tls).await?;
                // Three tasks, so that what comes is read and delivered while what goes is encoded. A panic in one ends the process.
                let sending = publisher.run(stop.clone());
                let receiving = supervised(receiver.run(stop.clone()));
                let delivering = supervised(deliverer.run(stop.clone()));
                Ok(Box::pin(async move {
                    _ = tokio::join!(sending, tokio::spawn(receiving), tokio::spawn(delivering));
                }))
            }
        }
    }
}

type Carrying = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Joined {
    /// Starts the tasks. `registry` is the node's, and has no connections yet.
    pub(super) async fn start(self, registry: &Registry) -> Result<Node, String> {
        let stop = CancellationToken::new();
        let carrying = self.link.carry(&self.cluster, registry, &stop).await?;
        let task = tokio::spawn(supervised(run(self.leases, carrying, stop.clone())));
        Ok(Node { id: self.id, task, stop })
    }
}

/// Runs until `stop`. The lease ends last: until then, others deliver the packets of this node.
async fn run(mut leases: LeaseKeeper, carrying: Carrying, stop: CancellationToken) {
    tokio::join!(leases.run(&stop), carrying);
    leases.end().await;
}

impl Node {
    /// Sends what waits for other nodes, and ends the lease. Gives up at `deadline`: then the lease ends by itself.
    pub(super) async fn end(self, deadline: Instant) {
        self.stop.cancel();
        let _ = timeout_at(deadline, self.task).await;
    }
}
