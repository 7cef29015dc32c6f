//! The seal: encrypts and authenticates envelopes between the nodes of one cluster.
//!
//! A bus may be open to others: NOTIFY knows no permissions, and two clusters may share one NATS. So each packet is sealed by AES-256-GCM:
//!
//! ```text
//! the cluster's id, 16 bytes | the incarnation, 16 | the counter, 8 | the body, encrypted | the tag, 16
//! └─ the additional data: authenticated, and not encrypted ────────┘
//! ```
//!
//! The key is that of one incarnation in one cluster. The nonce is the counter of the packet, in the 96 bits of RFC 5116, section 3.2: a part that is
//! fixed, here zero, and a counter. An incarnation is one life of a process, which counts each packet once, so no nonce is used twice with
//! a key. NIST SP 800-38D, section 8.2.1, calls this the deterministic construction. Its section 8.3 bounds other nonces by 2³² packets a key, and these
//! by the counter alone, which a node that sends a million packets a second exhausts in 584,000 years.
//!
//! The bytes that a key encrypts have a bound too: an attacker tells b blocks of 16 bytes from random ones with a chance of at most b²/2¹²⁹ (RFC 8446,
//! section 5.5, takes its limit from this). For 100 MB/s during a whole year, b is 2⁴⁸, and the chance 2⁻³³. Every restart begins with another key.
//!
//! A packet that goes out again, as after a lost connection, is the same bytes. A process that is started twice from one snapshot of its memory would be the same
//! incarnation twice, and repeat nonces: docs/operations.md warns of it.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use ring::aead::{Aad, LessSafeKey, MAX_TAG_LEN, NONCE_LEN, Nonce, Tag};
use uuid::Uuid;

use super::keys::{KeyDerivation, KnownKeys};
use crate::domain::Incarnation;

/// Bytes of the cluster's id, the incarnation and the counter.
const HEADER_BYTES: usize = 16 + 16 + COUNTER_BYTES;
/// Bytes of the counter.
const COUNTER_BYTES: usize = 8;
/// Bytes of the tag, by which a receiver knows that the packet is authentic.
const TAG_BYTES: usize = MAX_TAG_LEN;
/// Bytes that a seal adds to an envelope.
pub const SEAL_BYTES: usize = HEADER_BYTES + TAG_BYTES;

/// Seals the envelopes of this node, and opens those of others.
pub struct Seal {
    derivation: KeyDerivation,
    key: LessSafeKey,
    cluster_id: Uuid,
    incarnation: Incarnation,
    counter: AtomicU64,
    known_keys: KnownKeys,
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
    /// Returns the seal of this incarnation. A process makes one for each incarnation: two would use the same nonces.
    pub fn new(secret: &[u8], cluster_id: Uuid, incarnation: Incarnation) -> Self {
        let derivation = KeyDerivation::new(secret);
        let key = derivation.derive(cluster_id, incarnation);
        let (counter, known_keys) = (AtomicU64::new(0), KnownKeys::default());
        Self { derivation, key, cluster_id, incarnation, counter, known_keys }
    }

    /// Returns the id of this node.
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Seals a body.
    pub fn seal(&self, body: &[u8]) -> Vec<u8> {
        self.seal_written(body.len(), |mut packet| {
            packet.extend(body);
            packet
        })
    }

    /// Seals a body of about this many bytes, which `write` adds to the packet that it is given. So the body is not copied.
    pub(super) fn seal_written(&self, body_bytes: usize, write: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
        let counter = self.counter.fetch_add(1, Ordering::Relaxed) + 1;
        let header = Header { cluster_id: self.cluster_id, from: self.incarnation, counter };
        let bytes = header.to_bytes();
        let mut sealed = Vec::with_capacity(body_bytes + SEAL_BYTES);
        sealed.extend(bytes);
        let mut sealed = write(sealed);
        let tag = self.key.seal_in_place_separate_tag(header.nonce(), Aad::from(bytes), &mut sealed[HEADER_BYTES..]);
        sealed.extend(tag.expect("a body is shorter than 64 GiB").as_ref());
        sealed
    }

    /// Opens a packet. The body is a copy: NATS brings many packets in one buffer, which a slice would keep for as long as a frame of it waits
    /// for a client.
    pub fn open(&self, packet: &[u8]) -> Result<Opened, Refusal> {
        let packet = Packet::read(packet).ok_or(Refusal::Foreign)?;
        let Header { cluster_id, from, counter } = packet.header;
        if cluster_id != self.cluster_id {
            packet.open(&self.derivation.derive(cluster_id, from))?;
            return Err(Refusal::OtherCluster);
        }
        if from == self.incarnation {
            packet.open(&self.key)?;
            return Err(Refusal::Own);
        }
        if let Some(key) = self.known_keys.get(from) {
            return Ok(Opened { from, counter, body: packet.open(&key)? });
        }
        let key = self.derivation.derive(cluster_id, from);
        let body = packet.open(&key)?;
        self.known_keys.insert(from, key);
        Ok(Opened { from, counter, body })
    }

    /// Returns the number of other incarnations whose keys are kept.
    #[cfg(test)]
    pub(super) fn known_count(&self) -> usize {
        self.known_keys.len()
    }

    /// Drops what it keeps of all other incarnations but these.
    pub(super) fn retain(&self, incarnations: &HashSet<Incarnation>) {
        self.known_keys.retain(incarnations);
    }
}

/// The bytes of a packet before its body.
struct Header {
    cluster_id: Uuid,
    from: Incarnation,
    counter: u64,
}

impl Header {
    fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..16].copy_from_slice(self.cluster_id.as_bytes());
        bytes[16..32].copy_from_slice(self.from.0.as_bytes());
        bytes[32..].copy_from_slice(&self.counter.to_le_bytes());
        bytes
    }

    fn read(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let id = |at: usize| bytes[at..].first_chunk().map(|bytes| Uuid::from_bytes(*bytes));
        let counter = u64::from_le_bytes(*bytes.last_chunk()?);
        Some(Self { cluster_id: id(0)?, from: Incarnation(id(16)?), counter })
    }

    fn nonce(&self) -> Nonce {
        let mut nonce = [0; NONCE_LEN];
        nonce[NONCE_LEN - COUNTER_BYTES..].copy_from_slice(&self.counter.to_le_bytes());
        Nonce::assume_unique_for_key(nonce)
    }
}

/// A packet that was read and not opened.
struct Packet<'a> {
    header: Header,
    header_bytes: &'a [u8; HEADER_BYTES],
    encrypted: &'a [u8],
    tag: Tag,
}

impl<'a> Packet<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (header_bytes, rest) = bytes.split_first_chunk()?;
        let (encrypted, tag) = rest.split_last_chunk::<TAG_BYTES>()?;
        Some(Self { header: Header::read(header_bytes)?, header_bytes, encrypted, tag: (*tag).into() })
    }

    /// Returns the body. Fails if the packet was not sealed by this key, or was altered.
    fn open(&self, key: &LessSafeKey) -> Result<Bytes, Refusal> {
        let mut body = self.encrypted.to_vec();
        key.open_in_place_separate_tag(self.header.nonce(), Aad::from(self.header_bytes), self.tag, &mut body, 0..)
            .map_err(|_| Refusal::Foreign)?;
        Ok(body.into())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use bytes::Bytes;
    use uuid::Uuid;

    use super::{HEADER_BYTES, Opened, Refusal, SEAL_BYTES, Seal};
    use crate::domain::Incarnation;
    use crate::limits::BUS_KEYS_MAX;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
    const OTHER_SECRET: &[u8] = b"another secret of thirty-two bytes";

    fn node(secret: &[u8], cluster: u128) -> Seal {
        Seal::new(secret, Uuid::from_u128(cluster), Incarnation::new())
    }

    #[test]
    fn a_packet_is_opened_by_the_other_nodes_of_its_cluster_alone() {
        let (sender, receiver) = (node(SECRET, 1), node(SECRET, 1));
        let packet = sender.seal(b"body");
        let opened = Opened { from: sender.incarnation(), counter: 1, body: Bytes::from_static(b"body") };
        assert_eq!(receiver.open(&packet), Ok(opened));
        assert_eq!(sender.open(&packet), Err(Refusal::Own));
        assert_eq!(node(SECRET, 2).open(&packet), Err(Refusal::OtherCluster));
        for cluster in [1, 2] {
            assert_eq!(node(OTHER_SECRET, cluster).open(&packet), Err(Refusal::Foreign));
        }
        let second = receiver.open(&sender.seal(b"")).expect("valid");
        assert_eq!((second.counter, second.body.len()), (2, 0));
    }

    #[test]
    fn an_altered_or_short_packet_is_foreign_to_every_node() {
        let (sender, newcomer, receiver) = (node(SECRET, 1), node(SECRET, 1), node(SECRET, 1));
        assert!(receiver.open(&sender.seal(b"")).is_ok(), "it knows the key from here on");
        let packet = sender.seal(b"body");
        for at in 0..packet.len() {
            let mut altered = packet.clone();
            altered[at] ^= 1;
            for node in [&newcomer, &receiver, &sender, &node(SECRET, 2)] {
                assert_eq!(node.open(&altered), Err(Refusal::Foreign), "byte {at}");
                assert_eq!(node.open(&packet[..at]), Err(Refusal::Foreign), "cut at {at}");
            }
        }
        assert_eq!(receiver.open(&[&packet[..], b"0"].concat()), Err(Refusal::Foreign));
        assert!(receiver.open(&packet).is_ok());
    }

    #[test]
    fn a_body_cannot_be_read_in_its_packet() {
        let (sender, body) = (node(SECRET, 1), b"a message that is for members alone");
        let encrypted = |seal: &Seal| {
            let packet = seal.seal(body);
            assert_eq!(packet.len(), body.len() + SEAL_BYTES);
            packet[HEADER_BYTES..][..body.len()].to_vec()
        };
        let [one, other] = [encrypted(&sender), encrypted(&sender)];
        assert!(!one.windows(4).any(|part| body.windows(4).any(|text| text == part)));
        assert_ne!(one, other, "not even that it is the same");
        let twin = Seal::new(SECRET, Uuid::from_u128(2), sender.incarnation());
        assert_ne!(one, encrypted(&twin), "another cluster has another key");
    }

    /// Nodes of different builds open each other's packets. The packet was computed by another implementation.
    #[test]
    fn a_packet_has_the_form_that_is_written_down() {
        let (cluster_id, incarnation) = (7_u128, 0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10_u128);
        let seal = Seal::new(SECRET, Uuid::from_u128(cluster_id), Incarnation(Uuid::from_u128(incarnation)));
        let (counter, encrypted, tag) = (1_u64, 0x2c83_4234_u32, 0x4659_9bc9_973a_4d13_3b81_dc1b_d07a_e84e_u128);
        let ids = [cluster_id.to_be_bytes(), incarnation.to_be_bytes()].concat();
        let packet = [&ids[..], &counter.to_le_bytes(), &encrypted.to_be_bytes(), &tag.to_be_bytes()].concat();
        assert_eq!(seal.seal(b"body"), packet);
    }

    #[test]
    fn a_key_is_kept_of_each_node_whose_packet_was_opened_and_of_no_other() {
        let (receiver, sender) = (node(SECRET, 1), node(SECRET, 1));
        let mut forged = node(SECRET, 1).seal(b"body");
        forged[HEADER_BYTES] ^= 1;
        let of_others = [node(SECRET, 2), node(OTHER_SECRET, 1)].map(|node| node.seal(b"body"));
        for packet in [forged, receiver.seal(b"body")].iter().chain(&of_others) {
            assert!(receiver.open(packet).is_err());
        }
        assert_eq!(receiver.known_count(), 0);
        for _ in 0..2 {
            assert!(receiver.open(&sender.seal(b"body")).is_ok());
            assert_eq!(receiver.known_count(), 1);
        }
        receiver.retain(&HashSet::from([sender.incarnation()]));
        assert_eq!(receiver.known_count(), 1);
        receiver.retain(&HashSet::from([receiver.incarnation()]));
        assert_eq!(receiver.known_count(), 0, "the node is gone");
        assert!(receiver.open(&sender.seal(b"body")).is_ok(), "the key is derived again");
    }

    #[test]
    fn the_keys_that_are_kept_are_bounded() {
        let receiver = node(SECRET, 1);
        for _ in 0..=BUS_KEYS_MAX {
            assert!(receiver.open(&node(SECRET, 1).seal(b"body")).is_ok());
            assert!((1..=BUS_KEYS_MAX).contains(&receiver.known_count()));
        }
        assert_eq!(receiver.known_count(), 1, "all others were dropped");
    }
}
