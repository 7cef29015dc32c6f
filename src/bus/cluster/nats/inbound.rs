//! Inbound: the packets that NATS brought and that this node has not delivered yet.
//!
//! The client keeps packets by their number, and only their bytes are a bound of memory. So the receiver takes them from the client as they come,
//! and they wait here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::bus::cluster::Cluster;
use crate::limits;

/// Bytes that a packet takes in the queue beside its own.
const PACKET_OVERHEAD_BYTES: usize = size_of::<Bytes>();

/// Returns the two ends of a queue.
pub(super) fn queue(cluster: Arc<Cluster>) -> (Intake, Deliverer) {
    let (sender, packets) = mpsc::unbounded_channel();
    let bytes = Arc::<AtomicUsize>::default();
    (Intake { sender, bytes: Arc::clone(&bytes), is_full: false }, Deliverer { cluster, packets, bytes })
}

/// Puts packets into the queue. The channel below it has no bound, and this end holds it to [`limits::NATS_INBOUND_BYTES_MAX`].
pub(super) struct Intake {
    sender: mpsc::UnboundedSender<Bytes>,
    bytes: Arc<AtomicUsize>,
    is_full: bool,
}

impl Intake {
    /// Adds a packet. Returns false if the queue drops it. A queue that was full takes nothing until it is empty: packets share the buffers that they
    /// were read into, so small ones among many that were dropped would keep the bytes of those.
    pub(super) fn put(&mut self, packet: Bytes) -> bool {
        let (waiting, own) = (self.bytes.load(Ordering::Relaxed), packet.len() + PACKET_OVERHEAD_BYTES);
        self.is_full = waiting > 0 && (self.is_full || waiting + own > limits::NATS_INBOUND_BYTES_MAX);
        if self.is_full {
            return false;
        }
        self.bytes.fetch_add(own, Ordering::Relaxed);
        // It fails only while the node stops.
        let _ = self.sender.send(packet);
        true
    }
}

/// Delivers the packets of the queue.
pub struct Deliverer {
    cluster: Arc<Cluster>,
    packets: mpsc::UnboundedReceiver<Bytes>,
    bytes: Arc<AtomicUsize>,
}

impl Deliverer {
    /// Delivers packets until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        stop.run_until_cancelled(async { while self.deliver_next().await.is_some() {} }).await;
    }

    async fn deliver_next(&mut self) -> Option<()> {
        let packet = self.packets.recv().await?;
        self.cluster.receive(&packet);
        self.bytes.fetch_sub(packet.len() + PACKET_OVERHEAD_BYTES, Ordering::Relaxed);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use futures_util::FutureExt;
    use uuid::Uuid;

    use super::{PACKET_OVERHEAD_BYTES, queue};
    use crate::bus::cluster::{Cluster, Seal};
    use crate::bus::{Envelope, Inbox};
    use crate::domain::Incarnation;
    use crate::limits::NATS_INBOUND_BYTES_MAX;

    struct Deaf;

    impl Inbox for Deaf {
        fn deliver_local(&self, _: Envelope) {}

        fn deliver_remote(&self, _: Envelope) {}

        fn on_reconnect(&self) {}
    }

    fn packet(bytes: usize) -> Bytes {
        Bytes::from(vec![0; bytes])
    }

    #[tokio::test]
    async fn a_queue_that_was_full_takes_packets_again_when_it_is_empty() {
        let seal = Seal::new(b"0123456789abcdef0123456789abcdef", Uuid::nil(), Incarnation::new());
        let (mut intake, mut deliverer) = queue(Cluster::new(Arc::new(Deaf), seal, Arc::default()));
        let half = NATS_INBOUND_BYTES_MAX / 2 - PACKET_OVERHEAD_BYTES;
        assert!(intake.put(packet(half)) && intake.put(packet(half)), "both fit");
        assert!(!intake.put(packet(0)));
        assert!(deliverer.deliver_next().now_or_never().is_some());
        assert!(!intake.put(packet(0)), "one still waits");
        assert!(deliverer.deliver_next().now_or_never().is_some());
        assert!(intake.put(packet(NATS_INBOUND_BYTES_MAX)), "an empty queue takes any packet");
        assert!(!intake.put(packet(0)));
        assert!(deliverer.deliver_next().now_or_never().is_some());
        assert!(deliverer.deliver_next().now_or_never().is_none(), "what was dropped is not there");
        assert!(intake.put(packet(0)));
    }
}
