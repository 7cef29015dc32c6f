//! The publisher: sends this node's envelopes to NATS.

use std::sync::Arc;

use async_nats::Client;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::packets::pack;
use super::routes::{divided, undivided};
use super::subjects::Subjects;
use crate::bus::cluster::{Cluster, OutboundBatch};
use crate::domain::Shards;
use crate::limits;

/// Sends this node's envelopes to NATS. Waits while the client's queue is full: the queue of [`Cluster::outbound`] drops envelopes then, and
/// tells the other nodes that it did.
pub struct Publisher {
    pub(super) client: Client,
    pub(super) cluster: Arc<Cluster>,
    pub(super) subjects: Subjects,
    pub(super) shards: Shards,
}

impl Publisher {
    /// Publishes until `stop`, and then what still waits. Gives up what NATS does not take: the other nodes find it in the store.
    pub async fn run(self, stop: CancellationToken) {
        let publishing = async {
            loop {
                let batch = tokio::select! {
                    biased;
                    batch = self.cluster.outbound.take() => batch,
                    () = stop.cancelled() => break,
                };
                self.publish(batch).await;
            }
            // It fails only if the client has ended.
            let _ = self.client.flush().await;
        };
        tokio::select! {
            () = publishing => {}
            () = async { stop.cancelled().await; sleep(limits::NODE_END_TIMEOUT).await } => {}
        }
    }

    async fn publish(&self, OutboundBatch { history, envelopes, .. }: OutboundBatch) {
        let is_divided = self.cluster.peers.count() > limits::NATS_UNDIVIDED_PEERS_MAX;
        let routed = if is_divided { divided(self.shards, envelopes) } else { undivided(envelopes) };
        for (route, envelopes) in routed {
            let max = self.client.max_payload().min(limits::NATS_PACKET_BYTES_MAX);
            let mut packets = Vec::new();
            pack(&self.cluster, history, &envelopes, max, &mut packets);
            for packet in packets {
                if let Err(error) = self.client.publish(self.subjects.of(route), packet.into()).await {
                    // The server that the client has just connected to takes less than the last one.
                    tracing::warn!(%error, "a packet was not sent; the other nodes read what it told from the store");
                }
            }
        }
    }
}
