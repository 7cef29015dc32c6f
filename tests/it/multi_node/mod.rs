//! Several nodes on one store. The bus between them loses, duplicates and reorders envelopes, and within a heartbeat clients see no
//! difference.
//!
//! The binary lets one server at a time use a SQLite database. The nodes here are in one process and do not take its lock: they hold the
//! SQLite adapter to the same rules, since commands of an operator write beside a server too.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::bus::{Form, NetworkCondition, TestBus};
use crate::support::client::TestUser;
use crate::support::postgres::migrated_database;
use crate::support::rng::FaultRun;
use crate::support::server::{Server, StoreKind};
use crate::support::socket::Socket;

/// The store of the nodes, and the form in which their envelopes travel.
#[derive(Clone, Copy, Debug)]
struct Setup {
    store: StoreKind,
    form: Form,
}

/// Creates a test from each specification for SQLite, and for PostgreSQL with each form of envelopes.
macro_rules! in_each_setup {
    (@ $name:ident, $store:ident, $form:ident, $($specification:ident),*) => {
        mod $name {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $specification() {
                let store = $crate::support::server::StoreKind::$store;
                let form = $crate::support::bus::Form::$form;
                super::$specification($crate::multi_node::Setup { store, form }).await;
            })*
        }
    };
    ($($specification:ident),* $(,)?) => {
        in_each_setup!(@ sqlite, Sqlite, Whole, $($specification),*);
        in_each_setup!(@ postgres, Postgres, Whole, $($specification),*);
        in_each_setup!(@ postgres_hints, Postgres, Hints, $($specification),*);
    };
}

mod blocks;
mod crossing;
mod repairs;
mod restored;
mod simulation;

in_each_setup! {
    the_last_message_is_heard,
    what_happens_to_members_is_heard,
    what_happens_to_conversations_is_heard,
    sessions_end_everywhere,
    a_setting_that_the_bus_lost_is_read_again,
    a_storm_makes_no_difference,
    an_echo_lets_nobody_in,
    a_bus_that_returns_is_made_up_for_at_once,
    heartbeats_tell_what_is_new_behind_it,
}

/// Short, so that tests do not wait long, and long enough for a pong of a client on a busy machine.
const SOON: Duration = Duration::from_millis(500);
/// Longer than any test.
const NEVER: Duration = Duration::from_secs(3_600);

/// Two nodes, and the bus between them.
struct Cluster {
    first: Server,
    second: Server,
    bus: Arc<TestBus>,
    url: String,
    _folder: TempDir,
}

impl Cluster {
    async fn new(setup: Setup, condition: NetworkCondition, heartbeat: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = match setup.store {
            StoreKind::Sqlite => format!("sqlite:{}", folder.path().join("shared.db").display()),
            StoreKind::Postgres => migrated_database().await,
        };
        let bus = TestBus::new(setup.form, condition);
        let secret = "one secret for all the nodes there are";
        let arguments = ["--database-url", &url, "--jwt-secret", secret, "--rate-limits", "off"];
        let first = Server::node(&arguments, heartbeat, &bus).await;
        let second = Server::node(&arguments, heartbeat, &bus).await;
        Self { first, second, bus, url, _folder: folder }
    }

    /// Returns the same user at the second node.
    fn on_second(&self, user: &TestUser) -> TestUser {
        TestUser { address: self.second.address, ..user.clone() }
    }
}

async fn the_last_message_is_heard(setup: Setup) {
    let cluster = Cluster::new(setup, NetworkCondition::Disconnected, SOON).await;
    let (ada, grace) = (cluster.first.register("ada").await, cluster.first.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let (mut one, mut all) =
        (cluster.on_second(&grace).connect(&room.socket).await, cluster.on_second(&ada).connect("/ws").await);
    let message = ada.send(&room, "the only one").await;
    for socket in [&mut one, &mut all] {
        assert_eq!(socket.next_content().await, "the only one");
    }
    let path = format!("{}/{}", room.messages, message["id"].as_str().unwrap());
    ada.patch(&path, &json!({"content": "or so"})).await.expect(200);
    ada.delete(&path).await.expect(204);
    for socket in [&mut one, &mut all] {
        assert_eq!(socket.next_of(&["message.updated"]).await["seq"], 2);
        assert_eq!(socket.next_of(&["message.deleted"]).await["seq"], 3);
    }
}

async fn what_happens_to_members_is_heard(setup: Setup) {
    let cluster = Cluster::new(setup, NetworkCondition::Disconnected, SOON).await;
    let (ada, grace) = (cluster.first.register("ada").await, cluster.first.register("grace").await);
    let room = ada.group("Lunch", &[]).await;
    let mut all = cluster.on_second(&grace).connect("/ws").await;
    let mut held = cluster.on_second(&grace).connect("/ws?hold=1").await;
    ada.send(&room, "before").await;
    ada.post(&room.members, &json!({"user_id": grace.id})).await.expect(201);
    ada.send(&room, "welcome").await;
    for socket in [&mut all, &mut held] {
        let created = socket.next_of(&["conversation.created"]).await;
        assert_eq!((&created["conversation"]["id"], &created["membership_version"]), (&json!(room.id), &json!(1)));
    }
    let added = all.next_of(&["member.added", "message.new"]).await;
    assert_eq!((&added["type"], &added["seq"]), (&json!("member.added"), &json!(2)), "and nothing from before");
    assert_eq!(all.next_content().await, "welcome");

    let mut one = cluster.on_second(&grace).connect(&room.socket).await;
    ada.send(&room, "both are live").await;
    for socket in [&mut one, &mut all] {
        assert_eq!(socket.next_content().await, "both are live");
    }
    ada.delete(&format!("{}/{}", room.members, grace.id)).await.expect(204);
    ada.send(&room, "behind her back").await;
    for socket in [&mut one, &mut all] {
        let removed = socket.next_of(&["member.removed", "message.new"]).await;
        assert_eq!(
            (&removed["type"], &removed["seq"]),
            (&json!("member.removed"), &json!(5)),
            "a removed member receives it"
        );
    }
    assert_eq!(one.close_code().await, 4503);
    let other = ada.group("Supper", &[&grace]).await;
    ada.send(&other, "hello again").await;
    assert_eq!(all.next_content().await, "hello again", "and nothing of the time between");
}

async fn what_happens_to_conversations_is_heard(setup: Setup) {
    let cluster = Cluster::new(setup, NetworkCondition::Disconnected, SOON).await;
    let (ada, grace) = (cluster.first.register("ada").await, cluster.first.register("grace").await);
    let mut all = cluster.on_second(&grace).connect("/ws").await;
    let room = ada.group("Lunch", &[&grace]).await;
    ada.send(&room, "welcome").await;
    assert_eq!(all.next_of(&["conversation.created"]).await["conversation"]["name"], "Lunch");
    assert_eq!(all.next_content().await, "welcome");
    let mut one = cluster.on_second(&grace).connect(&room.socket).await;
    ada.delete(&room.path).await.expect(204);
    let gone = all.next_of(&["conversation.deleted"]).await;
    assert_eq!((&gone["conversation_id"], &gone["membership_version"]), (&json!(room.id), &json!(2)));
    assert_eq!(one.close_code().await, 4503);
}

async fn sessions_end_everywhere(setup: Setup) {
    let cluster = Cluster::new(setup, NetworkCondition::Disconnected, SOON).await;
    let ada = cluster.first.register("ada").await;
    let other = TestUser::login(ada.address, "ada").await;
    let (mut mine, mut theirs) =
        (cluster.on_second(&ada).connect("/ws").await, cluster.on_second(&other).connect("/ws").await);
    ada.post("/v1/users/logout", &json!({})).await.expect(204);
    assert_eq!(mine.close_code().await, 4504);
    theirs.send(&json!({"type": "ping", "ref": "still here"})).await;
    assert_eq!(theirs.next_of(&["pong"]).await["ref"], "still here");
}

async fn a_setting_that_the_bus_lost_is_read_again(setup: Setup) {
    let cluster = Cluster::new(setup, NetworkCondition::Disconnected, SOON).await;
    let (ada, grace) = (cluster.first.register("ada").await, cluster.first.register("grace").await);
    let room = ada.direct(&grace).await;
    let mut device = cluster.on_second(&ada).connect("/ws").await;
    // What they do there reaches the device without the bus.
    let (hers, grace) = (cluster.on_second(&ada), cluster.on_second(&grace));
    let mut read_shown = true;
    for send_receipts in [false, true] {
        ada.patch("/v1/users/me", &json!({"settings": {"send_receipts": send_receipts}})).await.expect(200);
        while read_shown != send_receipts {
            let seq = hers.send(&room, "read this").await["seq"].as_i64().unwrap();
            grace.read(&room, seq).await.expect(204);
            let receipt = loop {
                let frame = device.next_of(&["message.read", "message.delivered"]).await;
                let receipt = frame["receipts"][&grace.id].clone();
                if receipt["delivered_seq"] == seq {
                    break receipt;
                }
            };
            read_shown = !receipt["read_seq"].is_null();
        }
    }
}

/// Returns the number, type and message id of the next `count` numbered events.
async fn numbered(mut socket: Socket, count: usize) -> Vec<Value> {
    let mut frames = Vec::new();
    while frames.len() < count {
        let frame = socket.next().await;
        if frame["seq"].is_i64() {
            frames.push(json!([frame["seq"], frame["type"], frame["message"]["id"]]));
        }
    }
    frames
}

async fn a_storm_makes_no_difference(setup: Setup) {
    let run = FaultRun::new("a storm between two nodes");
    let cluster = Cluster::new(setup, NetworkCondition::Unreliable(run.rng()), SOON).await;
    let (ada, grace) = (cluster.first.register("ada").await, cluster.first.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let grace = cluster.on_second(&grace);
    let count = 2 * 48 + 10;
    // Read from the start, because the server closes connections that do not answer pings.
    let mut listening = Vec::new();
    for user in [&ada, &cluster.on_second(&ada), &grace] {
        listening.push(tokio::spawn(numbered(user.connect(&room.socket).await, count)));
        let mut held = user.connect("/ws?hold=1").await;
        held.send(&json!({"type": "resume", "conversations": {&room.id: 0}})).await;
        held.next_of(&["resumed"]).await;
        listening.push(tokio::spawn(numbered(held, count)));
    }
    let joan = cluster.first.register("joan").await;
    let talk = async |user: &TestUser| {
        for number in 0..40 {
            let message = user.send(&room, &format!("{number}")).await;
            if number % 5 == 0 {
                let path = format!("{}/{}", room.messages, message["id"].as_str().unwrap());
                user.patch(&path, &json!({"content": "again"})).await.expect(200);
            }
        }
    };
    let come_and_go = async {
        for _ in 0..5 {
            ada.post(&room.members, &json!({"user_id": joan.id})).await.expect(201);
            ada.delete(&format!("{}/{}", room.members, joan.id)).await.expect(204);
        }
    };
    tokio::join!(talk(&ada), talk(&grace), come_and_go);
    let received: Vec<Vec<Value>> = join_all(listening).await.into_iter().map(Result::unwrap).collect();
    let numbers: Vec<i64> = received[0].iter().map(|frame| frame[0].as_i64().unwrap()).collect();
    assert_eq!(numbers, (1..=i64::try_from(count).unwrap()).collect::<Vec<_>>());
    assert!(received.windows(2).all(|pair| pair[0] == pair[1]), "all receive the same");
}

async fn an_echo_lets_nobody_in(setup: Setup) {
    let cluster = Cluster::new(setup, NetworkCondition::Reliable, NEVER).await;
    let (ada, grace) = (cluster.first.register("ada").await, cluster.first.register("grace").await);
    let room = ada.group("Lunch", &[]).await;
    let mut all = cluster.on_second(&grace).connect("/ws").await;
    // With a connection here, the envelope includes what her new subscription needs.
    let _here_too = grace.connect("/ws").await;
    ada.post(&room.members, &json!({"user_id": grace.id})).await.expect(201);
    assert_eq!(all.next_of(&["conversation.created"]).await["conversation_id"], room.id.as_str());
    ada.send(&room, "welcome").await;
    assert_eq!(all.next_content().await, "welcome");
    ada.delete(&format!("{}/{}", room.members, grace.id)).await.expect(204);
    assert_eq!(all.next_of(&["member.removed"]).await["seq"], 3);
    cluster.bus.redeliver_all();
    ada.send(&room, "behind her back").await;
    cluster.bus.redeliver_all();
    let other = ada.group("Supper", &[&grace]).await;
    ada.send(&other, "hello again").await;
    let next = all.next_of(&["message.new", "member.added", "member.removed", "conversation.created"]).await;
    assert_eq!((&next["type"], &next["conversation_id"]), (&json!("conversation.created"), &json!(other.id)));
    assert_eq!(all.next_content().await, "hello again");
}

async fn a_bus_that_returns_is_made_up_for_at_once(setup: Setup) {
    let cluster = Cluster::new(setup, NetworkCondition::Disconnected, NEVER).await;
    let (ada, grace) = (cluster.first.register("ada").await, cluster.first.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let mut all = cluster.on_second(&grace).connect("/ws").await;
    ada.send(&room, "is anybody there?").await;
    let other = ada.group("Supper", &[&grace]).await;
    cluster.bus.reconnect();
    // Events and memberships are repaired beside each other, so either may come first.
    let kinds = ["conversation.created", "message.new"];
    let mut frames = [all.next_of(&kinds).await, all.next_of(&kinds).await];
    frames.sort_by_key(|frame| frame["type"].to_string());
    assert_eq!(frames[0]["conversation_id"], other.id.as_str());
    assert_eq!(frames[1]["message"]["content"], "is anybody there?");
    // An event behind a gap is not delivered before the missing events.
    cluster.bus.set_condition(NetworkCondition::Disconnected);
    ada.send(&room, "one").await;
    ada.send(&room, "two").await;
    cluster.bus.set_condition(NetworkCondition::Reliable);
    ada.send(&room, "three").await;
    for expected in ["one", "two", "three"] {
        assert_eq!(all.next_content().await, expected);
    }
}

async fn heartbeats_tell_what_is_new_behind_it(setup: Setup) {
    let cluster = Cluster::new(setup, NetworkCondition::Reliable, SOON).await;
    let (ada, grace) = (cluster.first.register("ada").await, cluster.first.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let mut all = grace.connect("/ws").await;
    ada.send(&room, "one").await;
    ada.send(&room, "two").await;
    let mut latest = 0;
    loop {
        let frame = all.next_of(&["message.new", "heartbeat"]).await;
        match frame["heads"][&room.id].as_i64() {
            None if frame["type"] == "message.new" => latest = frame["seq"].as_i64().unwrap(),
            None => {}
            Some(head) => {
                assert_eq!(head, latest, "it is queued behind what it names");
                if head == 2 {
                    break;
                }
            }
        }
    }
    let quiet = all.next_of(&["heartbeat"]).await;
    assert_eq!((&quiet["heads"], &quiet["membership_version"]), (&json!({}), &json!(1)), "sent once");
    ada.group("Supper", &[&grace]).await;
    while all.next_of(&["heartbeat"]).await["membership_version"] != 2 {}
}
