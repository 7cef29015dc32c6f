//! The seal: authenticates envelopes between the nodes of one cluster.
//!
//! A bus may be open to others: NOTIFY knows no permissions, and two clusters may share one NATS. So each packet carries the id of its
//! cluster, the incarnation of its node, a counter, and an HMAC-SHA-256 with a key that is derived from the server's secret. Packets are
//! authenticated and not encrypted: use TLS where others can listen.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use ring::hmac;
use uuid::Uuid;

use crate::domain::Incarnation;

/// Separates the key of the bus from the server's other keys.
const PURPOSE: &[u8] = b"chinwag bus 1";
/// Bytes of the cluster's id, the incarnation and the counter.
const HEADER_BYTES: usize = 16 + 16 + 8;
/// Bytes of an HMAC-SHA-256.
const MAC_BYTES: usize = 32;
/// Bytes that a seal adds to an envelope.
pub const SEAL_BYTES: usize = HEADER_BYTES + MAC_BYTES;

/// Seals the envelopes of this node, and opens those of others.
pub struct Seal {
    key: hmac::Key,
    cluster_id: Uuid,
    incarnation: Incarnation,
    counter: AtomicU64,
}

/// A sealed envelope of another node.
#[derive(Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Opened {
    pub from: Incarnation,
    /// Rises with each packet of an incarnation.
    pub counter: u64,
    pub body: Bytes,
}

/// The reason for which a packet is not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The packet was sealed with another secret, or altered, or is none.
    Foreign,
    /// The packet is of another cluster that has the same secret.
    OtherCluster,
    /// The packet is this node's own.
    Own,
}

impl Seal {
    /// Returns the seal of this incarnation.
    pub fn new(secret: &[u8], cluster_id: Uuid, incarnation: Incarnation) -> Self {
        let key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), PURPOSE);
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_ref());
        Self { key, cluster_id, incarnation, counter: AtomicU64::new(0) }
    }

    /// Seals a body.
    pub fn seal(&self, body: &[u8]) -> Vec<u8> {
        let counter = self.counter.fetch_add(1, Ordering::Relaxed) + 1;
        let mut sealed = Vec::with_capacity(body.len() + SEAL_BYTES);
        sealed.extend(self.cluster_id.as_bytes());
        sealed.extend(self.incarnation.0.as_bytes());
        sealed.extend(counter.to_le_bytes());
        sealed.extend(body);
        let mac = hmac::sign(&self.key, &sealed);
        sealed.extend(mac.as_ref());
        sealed
    }

    /// Opens a packet. The body is a slice of it.
    pub fn open(&self, packet: &Bytes) -> Result<Opened, Refusal> {
        let length = packet.len().checked_sub(MAC_BYTES).filter(|length| *length >= HEADER_BYTES);
        let length = length.ok_or(Refusal::Foreign)?;
        hmac::verify(&self.key, &packet[..length], &packet[length..]).map_err(|_| Refusal::Foreign)?;
        let id = |at: usize| packet[at..at + 16].first_chunk().map(|bytes| Uuid::from_bytes(*bytes));
        let (cluster_id, from) = id(0).zip(id(16)).ok_or(Refusal::Foreign)?;
        let counter = packet[32..HEADER_BYTES].first_chunk().ok_or(Refusal::Foreign)?;
        if cluster_id != self.cluster_id {
            return Err(Refusal::OtherCluster);
        }
        if from == self.incarnation.0 {
            return Err(Refusal::Own);
        }
        let (from, counter) = (Incarnation(from), u64::from_le_bytes(*counter));
        Ok(Opened { from, counter, body: packet.slice(HEADER_BYTES..length) })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use uuid::Uuid;

    use super::{Opened, Refusal, Seal};
    use crate::domain::Incarnation;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

    #[test]
    fn a_packet_is_opened_by_the_other_nodes_of_its_cluster_alone() {
        let (cluster, other_cluster) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let (one, other) = (Incarnation::new(), Incarnation::new());
        let sender = Seal::new(SECRET, cluster, one);
        let packet = Bytes::from(sender.seal(b"body"));
        let opened = Opened { from: one, counter: 1, body: Bytes::from_static(b"body") };
        assert_eq!(Seal::new(SECRET, cluster, other).open(&packet), Ok(opened));
        assert_eq!(sender.open(&packet), Err(Refusal::Own));
        assert_eq!(Seal::new(SECRET, other_cluster, other).open(&packet), Err(Refusal::OtherCluster));
        assert_eq!(
            Seal::new(b"another secret of thirty-two bytes", cluster, other).open(&packet),
            Err(Refusal::Foreign)
        );
        let second = Seal::new(SECRET, cluster, other).open(&sender.seal(b"").into()).expect("valid");
        assert_eq!((second.counter, second.body.len()), (2, 0));
    }

    #[test]
    fn an_altered_or_short_packet_is_foreign() {
        let receiver = Seal::new(SECRET, Uuid::nil(), Incarnation::new());
        let packet = Seal::new(SECRET, Uuid::nil(), Incarnation::new()).seal(b"body");
        for at in 0..packet.len() {
            let mut altered = packet.clone();
            altered[at] ^= 1;
            assert_eq!(receiver.open(&altered.into()), Err(Refusal::Foreign), "byte {at}");
            assert_eq!(receiver.open(&Bytes::copy_from_slice(&packet[..at])), Err(Refusal::Foreign), "cut at {at}");
        }
    }
}
