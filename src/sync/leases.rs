//! Leases: this node renews its lease in the store, and reads there which other nodes are alive.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::unheard_nodes::{Finding, UnheardNodes};
use crate::bus::cluster::Cluster;
use crate::domain::{Incarnation, Result, Timestamp};
use crate::limits;
use crate::store::{Renewal, Store};

/// Keeps the lease of this node, and the set of its peers.
pub struct LeaseKeeper {
    store: Arc<dyn Store>,
    cluster: Arc<Cluster>,
    incarnation: Incarnation,
    /// The name of the bus for the log.
    bus: String,
    unheard: UnheardNodes,
    renewed_at: Option<Instant>,
    /// The keeper keeps peers whose leases have ended until this time: the store was away, and they had no chance to renew them.
    peers_stay_until: Option<Instant>,
    /// The clock of this node and that of the store differ.
    has_other_clock: bool,
    /// The time at which this node compares everything, because peers that did not know it may have sent it nothing before.
    compare_at: Option<Instant>,
}

impl LeaseKeeper {
    /// Returns a keeper of this lease, which was taken just now. The log calls the bus `bus`.
    pub fn new(
        store: &Arc<dyn Store>,
        cluster: &Arc<Cluster>,
        bus: String,
        incarnation: Incarnation,
        lease: Renewal,
    ) -> Self {
        let (store, cluster) = (Arc::clone(store), Arc::clone(cluster));
        let mut keeper = Self {
            store,
            cluster,
            incarnation,
            bus,
            unheard: UnheardNodes::default(),
            renewed_at: None,
            peers_stay_until: None,
            has_other_clock: false,
            compare_at: None,
        };
        keeper.take_over(lease);
        keeper
    }

    /// Renews the lease every [`limits::LEASE_RENEWAL`], and when a node that this one does not know sends a packet, until `stop`. A store that does
    /// not answer changes nothing: the peers stay.
    pub async fn run(&mut self, stop: &CancellationToken) {
        loop {
            let started = Instant::now();
            tokio::select! {
                () = stop.cancelled() => return,
                // The store logs a failure.
                _ = self.renew() => {}
            }
            let newcomer = async {
                self.cluster.newcomer.notified().await;
                sleep_until(started + limits::LEASE_LOOK_PAUSE).await;
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep_until(started + limits::LEASE_RENEWAL) => {}
                () = newcomer => {}
            }
        }
    }

    /// Renews the lease, and takes over the peers.
    async fn renew(&mut self) -> Result<()> {
        let Some(nodes) = self.store.nodes() else { return Ok(()) };
        let renewal = nodes.renew_lease(self.incarnation, limits::LEASE, limits::DEAD_NODE_KEPT).await?;
        self.take_over(renewal);
        Ok(())
    }

    /// Ends the lease, so that the others do not wait for its end.
    pub async fn end(&self) {
        if let Some(nodes) = self.store.nodes() {
            // Otherwise it ends by itself.
            let _ = timeout(limits::NODE_END_TIMEOUT, nodes.end_lease(self.incarnation)).await;
        }
    }

    /// Says that the clocks differ, or agree again: tokens are valid and messages get their time by the clocks of nodes, and what nodes ask the store
    /// for since a time may be missed.
    fn compare_clocks(&mut self, store_time: Timestamp) {
        let ahead = Timestamp::now().0 - store_time.0;
        let (differ, ahead_ms) =
            (Duration::from_micros(ahead.unsigned_abs()) > limits::CLOCK_DIFFERENCE_MAX, ahead / 1_000);
        if differ && !self.has_other_clock {
            tracing::warn!(
                ahead_ms,
                "the clock of this machine is not that of PostgreSQL's; nodes need clocks that agree within a minute"
            );
        } else if !differ && self.has_other_clock {
            tracing::info!(ahead_ms, "the clock of this machine agrees with PostgreSQL's again");
        }
        self.has_other_clock = differ;
    }

    /// Names the nodes that do not share this node's bus. `is_in_time`: no renewal before this one failed, after which nothing is known of the others.
    fn name_unheard(&mut self, leased: &[Incarnation], is_in_time: bool, now: Instant) {
        let (heard, can_hear) = (self.cluster.peers.take_heard(), is_in_time && self.cluster.is_connected());
        for finding in self.unheard.look(leased, &heard, can_hear, now) {
            match finding {
                Finding::Unheard(node) => tracing::warn!(
                    %node,
                    bus = %self.bus,
                    "a node that shares this database sends nothing over this node's bus; its events come with the next heartbeat; \
                     all nodes need the same NATS_URL, or none, and the same CHINWAG_JWT_SECRET"
                ),
                Finding::HeardAgain(node) => tracing::info!(%node, bus = %self.bus, "packets of the node come again"),
            }
        }
    }

    fn take_over(&mut self, renewal: Renewal) {
        if let Some(time) = renewal.store_time {
            self.compare_clocks(time);
        }
        let now = Instant::now();
        // After one renewal that failed, others may have failed too.
        let was_away = self.renewed_at.is_some_and(|at| now - at > 2 * limits::LEASE_RENEWAL);
        if was_away {
            self.peers_stay_until = Some(now + limits::LEASE);
        }
        self.renewed_at = Some(now);
        self.peers_stay_until = self.peers_stay_until.filter(|until| *until > now);
        self.name_unheard(&renewal.others, self.peers_stay_until.is_none(), now);

        let peers = &self.cluster.peers;
        let before: HashSet<Incarnation> = peers.live().into_iter().collect();
        let mut live: HashSet<Incarnation> = renewal.others.into_iter().collect();
        if self.peers_stay_until.is_some() {
            live.extend(&before);
        }
        self.cluster.set_live(live.iter().copied());
        for node in live.difference(&before) {
            tracing::info!(%node, peers = live.len(), "another node is alive");
        }
        for node in before.difference(&live) {
            tracing::info!(%node, peers = live.len(), "another node has ended");
        }

        if live.is_empty() {
            self.compare_at = None;
            return;
        }
        let has_joined = renewal.is_new || before.is_empty();
        if has_joined || !live.is_subset(&before) {
            // A packet of a node that others do not know makes them look.
            self.cluster.say_hello();
            self.compare_at = Some(now + limits::PEERS_SETTLED);
        }
        let is_settled = self.compare_at.take_if(|at| *at <= now).is_some();
        if has_joined || is_settled {
            self.cluster.reconnected();
        }
    }
}
