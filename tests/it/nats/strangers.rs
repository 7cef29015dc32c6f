//! Others on the same NATS: garbage, copies of packets, other clusters.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chinwag::bus::{Bus, Envelope};
use chinwag::domain::{ConversationId, SessionId};
use chinwag::limits::NATS_INBOUND_BYTES_MAX;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use uuid::Uuid;

use super::{SECRET, TestNode, TlsFiles, introduce, until};
use crate::support::nats::Nats;
use crate::support::socket::TEST_TIMEOUT;

/// Somebody else's plain client of NATS.
struct Stranger(TcpStream);

impl Stranger {
    async fn connect(nats: &Nats) -> Self {
        let mut stranger = Self(TcpStream::connect(nats.address()).await.unwrap());
        stranger.0.write_all(b"CONNECT {\"verbose\":false}\r\n").await.unwrap();
        stranger.synchronise().await;
        stranger
    }

    async fn publish(&mut self, subject: &str, payload: &[u8]) {
        self.0.write_all(format!("PUB {subject} {}\r\n", payload.len()).as_bytes()).await.unwrap();
        self.0.write_all(payload).await.unwrap();
        self.0.write_all(b"\r\n").await.unwrap();
    }

    /// Waits until NATS has taken everything.
    async fn synchronise(&mut self) -> Vec<u8> {
        self.0.write_all(b"PING\r\n").await.unwrap();
        self.read_until(b"PONG\r\n").await
    }

    async fn read_until(&mut self, end: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let reading = async {
            while !bytes.ends_with(end) {
                bytes.push(self.0.read_u8().await.unwrap());
            }
        };
        timeout(TEST_TIMEOUT, reading).await.expect("NATS answers");
        bytes
    }
}

/// Returns the payload of the first message in what NATS sent.
fn payload(bytes: &[u8]) -> (String, Vec<u8>) {
    let start = bytes.windows(4).position(|part| part == b"MSG ").expect("a message");
    let end = start + bytes[start..].windows(2).position(|part| part == b"\r\n").unwrap();
    let words: Vec<&str> = std::str::from_utf8(&bytes[start..end]).unwrap().split(' ').collect();
    let length: usize = words.last().unwrap().parse().unwrap();
    (words[1].to_owned(), bytes[end + 2..end + 2 + length].to_vec())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_and_copies_are_counted_and_nothing_else() {
    let nats = Nats::start().await;
    let [one, mut other] = TestNode::several(&nats.url("")).await;
    let id = ConversationId::new();
    other.joins(id.0).await;
    let mut stranger = Stranger::connect(&nats).await;
    stranger.0.write_all(format!("SUB chinwag.{}.* 1\r\n", one.cluster_id).as_bytes()).await.unwrap();
    stranger.synchronise().await;

    one.publish(id, "once");
    assert_eq!(other.events_of(id).await, "once");
    let mut seen = stranger.synchronise().await;
    while !seen.windows(4).any(|part| part == b"once") {
        seen.extend(stranger.synchronise().await);
    }
    let from = seen.windows(4).position(|part| part == b"MSG ").unwrap();
    let (subject, packet) = payload(&seen[from..]);
    stranger.0.write_all(b"UNSUB 1\r\n").await.unwrap();
    let node = Arc::clone(&other.cluster);
    let refused = &node.refused;
    let is = |counter: &AtomicU64, count: usize| counter.load(Ordering::Relaxed) == u64::try_from(count).unwrap();
    for copy in 1..=100 {
        stranger.publish(&subject, &packet).await;
        until(|| is(&refused.stale, copy)).await;
    }
    // No more at a time than wait for a node, so that each is counted.
    for number in 1..=5_000 {
        let mut garbage = packet.clone();
        let place = number % garbage.len();
        garbage[place] ^= 0x40;
        stranger.publish(&subject, &garbage[..garbage.len() - number % 3]).await;
        if number % 500 == 0 {
            until(|| is(&refused.foreign, number)).await;
        }
    }
    let (cluster, _) = subject.rsplit_once('.').unwrap();
    stranger.publish(&format!("{cluster}.all"), b"").await;
    until(|| is(&refused.foreign, 5_001)).await;
    one.publish(id, "twice");
    assert_eq!(other.events_of(id).await, "twice", "nothing came in between");
    assert!(is(&refused.stale, 100) && is(&refused.foreign, 5_001));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_a_node_is_bounded_in_bytes_and_the_node_compares() {
    const PACKET_BYTES: usize = 512 * 1024;
    let nats = Nats::start().await;
    let [one, mut other] = TestNode::several(&nats.url("")).await;
    let (gate, held) = std::sync::mpsc::channel();
    *other.inbox.gate.lock().unwrap() = Some(held);
    one.cluster.publish(Envelope::SessionsEnded(vec![SessionId::new()]));
    until(|| other.inbox.gate.lock().is_ok_and(|gate| gate.is_none())).await;
    let mut stranger = Stranger::connect(&nats).await;
    let (fitting, flood) = (NATS_INBOUND_BYTES_MAX / PACKET_BYTES, 3 * NATS_INBOUND_BYTES_MAX / PACKET_BYTES);
    let packet = vec![b'x'; PACKET_BYTES];
    for number in 1..=flood {
        stranger.publish(&format!("chinwag.{}.all", other.cluster_id), &packet).await;
        // The first node delivers, so NATS has sent it to the second one too.
        until(|| one.cluster.refused.foreign.load(Ordering::Relaxed) == u64::try_from(number).unwrap()).await;
    }
    let (node, count) = (Arc::clone(&other.cluster), |counter: &AtomicU64| counter.load(Ordering::Relaxed));
    until(|| count(&node.refused.unread) >= u64::try_from(flood - fitting).unwrap()).await;
    assert_eq!(count(&node.refused.foreign), 0, "it delivers nothing yet");
    drop(gate);
    other.compares().await;
    until(|| count(&node.refused.foreign) + count(&node.refused.unread) == u64::try_from(flood).unwrap()).await;
    let came = usize::try_from(count(&node.refused.foreign)).unwrap();
    assert!(came <= fitting, "{came} of {fitting} packets waited");
    let id = ConversationId::new();
    other.joins(id.0).await;
    one.publish(id, "and on");
    assert_eq!(other.events_of(id).await, "and on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clusters_that_share_a_nats_hear_nothing_of_each_other() {
    let nats = Nats::start().await;
    let url = nats.url("");
    let id = ConversationId::new();
    let [one, mut other] = TestNode::several(&url).await;
    let no_tls = TlsFiles::default();
    let mut neighbours = vec![TestNode::start(&url, &no_tls, Uuid::now_v7(), SECRET).await];
    let cluster_id = Uuid::now_v7();
    for secret in [SECRET, b"another secret of thirty-two bytes"] {
        neighbours.push(TestNode::start(&url, &no_tls, cluster_id, secret).await);
    }
    introduce(&neighbours);
    for node in &mut neighbours {
        node.compares().await;
        node.joins(id.0).await;
    }
    other.joins(id.0).await;
    one.publish(id, "for its own");
    assert_eq!(other.events_of(id).await, "for its own");
    neighbours[1].publish(id, "with another secret");
    until(|| neighbours[2].cluster.refused.foreign.load(Ordering::Relaxed) == 1).await;
    for node in &mut neighbours {
        assert!(!node.has_envelope());
    }
    assert!(!other.has_envelope());
}
