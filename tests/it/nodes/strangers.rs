//! Nodes ignore what is no packet of their cluster, and bad configuration is refused.

use std::future::poll_fn;

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD as BASE64;
use chinwag::bus::cluster::Seal;
use chinwag::domain::Incarnation;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::block_in_place;
use tokio_postgres::{AsyncMessage, Client, NoTls};

use super::{JOINED, Pair, SECRET, Talkers, node, soon, soon_of};
use crate::process::refused;
use crate::support::client::TestUser;
use crate::support::node::Node;
use crate::support::postgres::database;

/// A client that listens on the channel of a cluster.
pub(super) struct Tap {
    pub(super) client: Client,
    pub(super) channel: String,
    pub(super) payloads: mpsc::UnboundedReceiver<String>,
}

impl Tap {
    pub(super) async fn on(url: &str) -> Self {
        let (client, mut connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        let (sender, payloads) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                if let AsyncMessage::Notification(notification) = message {
                    let _ = sender.send(notification.payload().to_owned());
                }
            }
        });
        let id = client.query_one("SELECT replace(id::text, '-', '') FROM cluster", &[]).await.unwrap();
        let channel = format!("chinwag_{}", id.get::<_, String>(0));
        client.batch_execute(&format!("LISTEN {channel}")).await.unwrap();
        Self { client, channel, payloads }
    }

    /// Returns true if the body of a payload contains a text. Its packet does not: it is encrypted.
    fn says(&self, payload: &str, text: &str) -> bool {
        let packet = BASE64.decode(payload).unwrap();
        let cluster_id = self.channel.strip_prefix("chinwag_").unwrap().parse().unwrap();
        let opened = Seal::new(SECRET.as_bytes(), cluster_id, Incarnation::new()).open(&packet);
        let has = |bytes: &[u8]| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        assert!(!has(&packet), "{text} can be read");
        opened.is_ok_and(|opened| has(&opened.body))
    }

    async fn notify(&self, payload: &str) {
        self.client.execute("SELECT pg_notify($1, $2)", &[&self.channel, &payload]).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_notifications_are_counted_and_do_nothing() {
    let pair = Pair::new().await;
    let mut talkers = pair.talkers().await;
    let mut tap = Tap::on(&pair.url).await;
    talkers.talk().await;
    // Each of the six messages was heard before the next was sent, so each made a packet. The tap may hear later than the nodes.
    let mut real = Vec::new();
    while real.len() < 6 {
        real.push(tap.payloads.recv().await.unwrap());
    }
    for payload in &real {
        tap.notify(payload).await;
        let mut altered = BASE64.decode(payload).unwrap();
        altered[40] ^= 1;
        tap.notify(&BASE64.encode(altered)).await;
    }
    for garbage in ["", "garbage", "AAAA", &"A".repeat(7_999), "\u{1F600}"] {
        tap.notify(garbage).await;
    }
    for node in [&pair.first, &pair.second] {
        node.has_logged("it came before", 1).await;
        node.has_logged("it was not sealed with the CHINWAG_JWT_SECRET of this node", 1).await;
    }
    talkers.talk().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_of_old_notifications_show_nothing_on_a_node_that_has_just_started() {
    let pair = Pair::new().await;
    let mut talkers = pair.talkers().await;
    talkers.meet().await;
    let Talkers { ada, mut adas, grace, mut graces, room, .. } = talkers;
    let mut tap = Tap::on(&pair.url).await;
    let typing = |kind: &str| json!({"type": kind, "conversation_id": room.id});
    adas.send(&typing("typing.start")).await;
    assert_eq!(soon(&mut graces, "typing.start").await["user_id"], ada.id);
    let mut copies: Vec<String> = Vec::new();
    while !copies.iter().any(|copy| tap.says(copy, "typing.start")) {
        copies.push(tap.payloads.recv().await.unwrap());
    }

    let mut third = node(&pair.url);
    third.start().await;
    let there = TestUser { address: third.address, ..grace };
    let mut socket = there.connect("/ws").await;
    pair.first.has_logged(JOINED, 2).await;
    // The first node's challenge comes before the message, and the response of the third before its own. So the two have met then.
    ada.send(&room, "there").await;
    assert_eq!(soon(&mut socket, "message.new").await["message"]["content"], "there");
    there.send(&room, "and back").await;
    while soon(&mut adas, "message.new").await["message"]["content"] != "and back" {}
    // The second copies are those of packets that came, which is logged.
    for copy in copies.iter().chain(&copies) {
        tap.notify(copy).await;
    }
    third.has_logged("it came before", 1).await;
    adas.send(&typing("typing.stop")).await;
    assert_eq!(soon_of(&mut socket, &["typing.start", "typing.stop"]).await["type"], "typing.stop");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_with_another_secret_is_named() {
    let pair = Pair::new().await;
    let mut other = Node::with(&["--database-url", &pair.url, "--jwt-secret", "another secret of thirty-two bytes"]);
    other.start().await;
    other.has_logged("it was not sealed with the CHINWAG_JWT_SECRET of this node", 1).await;
    pair.first.has_logged("it was not sealed with the CHINWAG_JWT_SECRET of this node", 1).await;
    pair.talkers().await.talk().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_alone_notifies_nobody() {
    let url = database().await;
    let mut alone = node(&url);
    alone.start().await;
    let mut tap = Tap::on(&url).await;
    let (ada, grace) = (alone.register("ada").await, alone.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let mut socket = grace.connect("/ws").await;
    ada.send(&room, "hello").await;
    assert_eq!(socket.next_content().await, "hello");
    tap.notify("the end").await;
    assert_eq!(tap.payloads.recv().await.as_deref(), Some("the end"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_of_its_own_can_be_given() {
    let url = database().await;
    let direct = format!("{url}?connect_timeout=3");
    let with = |listen: &str| Node::with(&["--database-url", &url, "--jwt-secret", SECRET, "--listen-url", listen]);
    let (mut first, mut second) = (with(&direct), with(&direct));
    first.start().await;
    second.start().await;
    first.has_logged(JOINED, 1).await;
    second.has_logged(JOINED, 1).await;
    Pair { first, second, url }.talkers().await.talk().await;
}

#[test]
fn a_bad_listen_url_is_refused_in_one_line() {
    let data = tempfile::tempdir().unwrap();
    let error = refused(&["--data", data.path().to_str().unwrap(), "--listen-url", "postgres://127.0.0.1/x"], &[]);
    assert!(error.contains("CHINWAG_LISTEN_URL needs a DATABASE_URL"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listen_url_of_another_database_is_refused() {
    let (url, other) = (database().await, database().await);
    let mut elsewhere = node(&other);
    elsewhere.start().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    for listen in [other, database().await] {
        std::fs::write(file.path(), format!("{listen}\n")).unwrap();
        let file = file.path().to_str().unwrap();
        let arguments = ["--jwt-secret", SECRET, "--database-url", &url, "--listen-url-file", file];
        let error = block_in_place(|| refused(&arguments, &[]));
        assert!(
            error.contains("CHINWAG_LISTEN_URL_FILE: ") && error.contains("not the one of DATABASE_URL"),
            "{error}"
        );
        assert_eq!(error.lines().count(), 1);
    }
}
