//! Others on the same NATS: garbage, copies of packets, other clusters.

use std::sync::Arc;

use bytes::Bytes;
use chinwag::bus::cluster::{RefusedPackets, Seal};
use chinwag::bus::{Audience, Bus, Envelope};
use chinwag::domain::{ConversationId, Incarnation, SessionId, UserId};
use chinwag::limits::NATS_INBOUND_BYTES_MAX;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use uuid::Uuid;

use super::{Heard, SECRET, TestNode, TlsFiles, tell_of_each_other, until};
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

    /// Subscribes to the packets of a cluster.
    async fn listen(&mut self, cluster: Uuid) {
        self.subscribe(&format!("chinwag.{cluster}.*")).await;
    }

    async fn subscribe(&mut self, subject: &str) {
        self.0.write_all(format!("SUB {subject} 1\r\n").as_bytes()).await.unwrap();
        self.synchronise().await;
    }

    /// Ends the subscription, and returns all packets of the cluster that came and whose bodies contain one of these texts, which the stranger cannot
    /// read.
    async fn heard(&mut self, cluster: Uuid, texts: &[&str]) -> Vec<(String, Vec<u8>)> {
        let opener = Seal::new(SECRET, cluster, Incarnation::new());
        let says = |packet: &[u8], text: &str| opener.open(packet).is_ok_and(|opened| has(&opened.body, text));
        let mut bytes = Vec::new();
        let mut packets = loop {
            bytes.extend(self.synchronise().await);
            let packets = packets(&bytes);
            if texts.iter().all(|text| packets.iter().any(|(_, packet)| says(packet, text))) {
                break packets;
            }
        };
        self.0.write_all(b"UNSUB 1\r\n").await.unwrap();
        assert!(!texts.iter().any(|text| has(&bytes, text)), "texts are encrypted");
        packets.retain(|(_, packet)| texts.iter().any(|text| says(packet, text)));
        packets
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

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

/// Returns the packets in what NATS sent, each with its subject.
fn packets(mut bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut packets = Vec::new();
    while let Some(start) = bytes.windows(4).position(|part| part == b"MSG ") {
        let end = start + bytes[start..].windows(2).position(|part| part == b"\r\n").unwrap();
        let words: Vec<&str> = std::str::from_utf8(&bytes[start..end]).unwrap().split(' ').collect();
        let (packet, rest) = bytes[end + 2..].split_at(words.last().unwrap().parse().unwrap());
        packets.push((words[1].to_owned(), packet.to_vec()));
        bytes = rest;
    }
    packets
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_who_listens_to_everything_and_never_answers_delays_a_comparison_and_no_more() {
    let nats = Nats::start().await;
    let mut stranger = Stranger::connect(&nats).await;
    stranger.subscribe(">").await;
    let [one, mut other] = TestNode::several(&nats.url("")).await;
    let id = ConversationId::new();
    other.interest.add(id.0);
    other.compares().await;
    one.publish(id, "hello");
    assert_eq!(other.events_of(id).await, "hello");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_and_copies_are_counted_and_nothing_else() {
    let nats = Nats::start().await;
    let [one, mut other] = TestNode::several(&nats.url("")).await;
    let id = ConversationId::new();
    other.joins(id.0).await;
    let mut stranger = Stranger::connect(&nats).await;
    stranger.listen(one.cluster_id).await;
    one.publish(id, "once");
    assert_eq!(other.events_of(id).await, "once");
    let (subject, packet) = stranger.heard(one.cluster_id, &["once"]).await.remove(0);
    let node = Arc::clone(&other.cluster);
    let refused = &node.refused;
    let is = |refused: &RefusedPackets, count: usize| refused.count() == u64::try_from(count).unwrap();
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
async fn copies_of_old_packets_show_nothing_on_a_node_that_has_just_started() {
    let nats = Nats::start().await;
    let url = nats.url("");
    let [one, mut other] = TestNode::several(&url).await;
    let user_id = UserId::new();
    other.joins(user_id.0).await;
    let frame = |text: &str| {
        let audience = Audience::Users { user_ids: vec![user_id], conversation_id: None };
        Envelope::Ephemeral { audience, frame: Bytes::copy_from_slice(text.as_bytes()) }
    };
    let mut stranger = Stranger::connect(&nats).await;
    stranger.listen(one.cluster_id).await;
    for text in ["first frame", "second frame"] {
        one.cluster.publish(frame(text));
        assert_eq!(next_frame(&mut other).await, text);
    }
    let copies = stranger.heard(one.cluster_id, &["first frame", "second frame"]).await;
    assert_eq!(copies.len(), 2);

    let mut newcomer = TestNode::start(&url, &TlsFiles::default(), one.cluster_id, SECRET).await;
    newcomer.joins(user_id.0).await;
    // It knows of the others, which do not know of it and answer nothing.
    newcomer.cluster.set_live([one.incarnation, other.incarnation]);
    let node = Arc::clone(&newcomer.cluster);
    let stale = || node.refused.stale.count() + node.refused.early.count();
    stranger.publish(&copies[0].0, &copies[0].1).await;
    until(|| stale() == 1).await;
    let nodes = [one, other, newcomer];
    tell_of_each_other(&nodes);
    until(|| nodes.iter().all(|node| node.cluster.peers.have_responded())).await;
    for (subject, packet) in &copies {
        stranger.publish(subject, packet).await;
    }
    until(|| stale() == 3).await;
    let [one, _, mut newcomer] = nodes;
    one.cluster.publish(frame("a new frame"));
    assert_eq!(next_frame(&mut newcomer).await, "a new frame", "and none of the copies");
}

/// Waits for a frame. Nothing else comes meanwhile but comparisons.
async fn next_frame(node: &mut TestNode) -> Bytes {
    loop {
        match node.next().await {
            Heard::Envelope(Envelope::Ephemeral { frame, .. }) => return frame,
            Heard::Compare => {}
            unexpected @ Heard::Envelope(_) => panic!("{unexpected:?}"),
        }
    }
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
        until(|| one.cluster.refused.foreign.count() == u64::try_from(number).unwrap()).await;
    }
    let (node, count) = (Arc::clone(&other.cluster), |refused: &RefusedPackets| refused.count());
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
    tell_of_each_other(&neighbours);
    for node in &mut neighbours {
        node.compares().await;
        node.joins(id.0).await;
    }
    other.joins(id.0).await;
    one.publish(id, "for its own");
    assert_eq!(other.events_of(id).await, "for its own");
    let foreign = || neighbours[2].cluster.refused.foreign.count();
    let challenges = foreign();
    neighbours[1].publish(id, "with another secret");
    until(|| foreign() == challenges + 1).await;
    for node in &mut neighbours {
        assert!(!node.has_envelope());
    }
    assert!(!other.has_envelope());
}
