//! Two nodes on one store, and a bus between them that loses, doubles and reorders: within a heartbeat nobody can tell.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::bus::{NetworkCondition, TestBus};
use crate::support::client::Person;
use crate::support::postgres::{connect, database};
use crate::support::server::{Server, StoreKind};
use crate::support::socket::Socket;

on_each_store! {
    the_last_message_is_heard,
    what_happens_to_members_is_heard,
    what_happens_to_conversations_is_heard,
    sessions_end_everywhere,
    a_storm_makes_no_difference,
    an_echo_lets_nobody_in,
    a_bus_that_returns_is_made_up_for_at_once,
    heartbeats_tell_what_is_new_behind_it,
    numbers_that_went_back_are_started_over,
}

/// Short, so that a test need not wait for long.
const SOON: Duration = Duration::from_millis(200);
/// Longer than a test waits for anything.
const NEVER: Duration = Duration::from_secs(3_600);

/// Two nodes, and what is between them.
struct Cluster {
    here: Server,
    there: Server,
    ether: Arc<TestBus>,
    url: String,
    _folder: TempDir,
}

impl Cluster {
    async fn new(store: StoreKind, weather: NetworkCondition, heartbeat: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = match store {
            StoreKind::Sqlite => format!("sqlite:{}", folder.path().join("shared.db").display()),
            StoreKind::Postgres => database().await,
        };
        let ether = TestBus::new(weather);
        let secret = "one secret for all the nodes there are";
        let arguments = ["--database-url", &url, "--jwt-secret", secret, "--rate-limits", "off"];
        let here = Server::node(&arguments, heartbeat, &ether).await;
        let there = Server::node(&arguments, heartbeat, &ether).await;
        Self { here, there, ether, url, _folder: folder }
    }

    /// The same person at the other node.
    fn there(&self, person: &Person) -> Person {
        Person { address: self.there.address, ..person.clone() }
    }
}

async fn the_last_message_is_heard(store: StoreKind) {
    let cluster = Cluster::new(store, NetworkCondition::Silence, SOON).await;
    let (ada, grace) = (cluster.here.person("ada").await, cluster.here.person("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let (mut one, mut all) =
        (cluster.there(&grace).listen(&room.socket).await, cluster.there(&ada).listen("/ws").await);
    let message = ada.say(&room, "the only one").await;
    for socket in [&mut one, &mut all] {
        assert_eq!(socket.receives().await, "the only one");
    }
    let path = format!("{}/{}", room.messages, message["id"].as_str().unwrap());
    ada.patch(&path, &json!({"content": "or so"})).await.expect(200);
    ada.delete(&path).await.expect(204);
    for socket in [&mut one, &mut all] {
        assert_eq!(socket.next_of(&["message.updated"]).await["seq"], 2);
        assert_eq!(socket.next_of(&["message.deleted"]).await["seq"], 3);
    }
}

async fn what_happens_to_members_is_heard(store: StoreKind) {
    let cluster = Cluster::new(store, NetworkCondition::Silence, SOON).await;
    let (ada, grace) = (cluster.here.person("ada").await, cluster.here.person("grace").await);
    let room = ada.group("Lunch", &[]).await;
    let mut all = cluster.there(&grace).listen("/ws").await;
    let mut held = cluster.there(&grace).listen("/ws?hold=1").await;
    ada.say(&room, "before").await;
    ada.post(&room.members, &json!({"user_id": grace.id})).await.expect(201);
    ada.say(&room, "welcome").await;
    for socket in [&mut all, &mut held] {
        let told = socket.next_of(&["conversation.created"]).await;
        assert_eq!((&told["conversation"]["id"], &told["membership_version"]), (&json!(room.id), &json!(1)));
    }
    let added = all.next_of(&["member.added", "message.new"]).await;
    assert_eq!((&added["type"], &added["seq"]), (&json!("member.added"), &json!(2)), "and nothing from before");
    assert_eq!(all.receives().await, "welcome");

    let mut one = cluster.there(&grace).listen(&room.socket).await;
    ada.say(&room, "both are live").await;
    for socket in [&mut one, &mut all] {
        assert_eq!(socket.receives().await, "both are live");
    }
    ada.delete(&format!("{}/{}", room.members, grace.id)).await.expect(204);
    ada.say(&room, "behind her back").await;
    for socket in [&mut one, &mut all] {
        let removed = socket.next_of(&["member.removed", "message.new"]).await;
        assert_eq!((&removed["type"], &removed["seq"]), (&json!("member.removed"), &json!(5)), "whoever goes hears it");
    }
    assert_eq!(one.close_code().await, 4503);
    let other = ada.group("Supper", &[&grace]).await;
    ada.say(&other, "hello again").await;
    assert_eq!(all.receives().await, "hello again", "and nothing that was said behind her back");
}

async fn what_happens_to_conversations_is_heard(store: StoreKind) {
    let cluster = Cluster::new(store, NetworkCondition::Silence, SOON).await;
    let (ada, grace) = (cluster.here.person("ada").await, cluster.here.person("grace").await);
    let mut all = cluster.there(&grace).listen("/ws").await;
    let room = ada.group("Lunch", &[&grace]).await;
    ada.say(&room, "welcome").await;
    assert_eq!(all.next_of(&["conversation.created"]).await["conversation"]["name"], "Lunch");
    assert_eq!(all.receives().await, "welcome");
    let mut one = cluster.there(&grace).listen(&room.socket).await;
    ada.delete(&room.path).await.expect(204);
    let gone = all.next_of(&["conversation.deleted"]).await;
    assert_eq!((&gone["conversation_id"], &gone["membership_version"]), (&json!(room.id), &json!(2)));
    assert_eq!(one.close_code().await, 4503);
}

async fn sessions_end_everywhere(store: StoreKind) {
    let cluster = Cluster::new(store, NetworkCondition::Silence, SOON).await;
    let ada = cluster.here.person("ada").await;
    let other = Person::login(ada.address, "ada").await;
    let (mut mine, mut theirs) = (cluster.there(&ada).listen("/ws").await, cluster.there(&other).listen("/ws").await);
    ada.post("/v1/users/logout", &json!({})).await.expect(204);
    assert_eq!(mine.close_code().await, 4504);
    theirs.send(&json!({"type": "ping", "ref": "still here"})).await;
    assert_eq!(theirs.next_of(&["pong"]).await["ref"], "still here");
}

/// The number, type and message of the next `count` numbered events.
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

async fn a_storm_makes_no_difference(store: StoreKind) {
    let cluster = Cluster::new(store, NetworkCondition::Storm(0x9E37_79B9_7F4A_7C15), SOON).await;
    let (ada, grace) = (cluster.here.person("ada").await, cluster.here.person("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let grace = cluster.there(&grace);
    let count = 2 * 48 + 10;
    // Read from the first moment on, or they would be taken for dead.
    let mut listening = Vec::new();
    for person in [&ada, &cluster.there(&ada), &grace] {
        listening.push(tokio::spawn(numbered(person.listen(&room.socket).await, count)));
        let mut held = person.listen("/ws?hold=1").await;
        held.send(&json!({"type": "resume", "conversations": {&room.id: 0}})).await;
        held.next_of(&["resumed"]).await;
        listening.push(tokio::spawn(numbered(held, count)));
    }
    let joan = cluster.here.person("joan").await;
    let talk = async |person: &Person| {
        for number in 0..40 {
            let message = person.say(&room, &format!("{number}")).await;
            if number % 5 == 0 {
                let path = format!("{}/{}", room.messages, message["id"].as_str().unwrap());
                person.patch(&path, &json!({"content": "again"})).await.expect(200);
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
    let heard: Vec<Vec<Value>> = join_all(listening).await.into_iter().map(Result::unwrap).collect();
    let numbers: Vec<i64> = heard[0].iter().map(|frame| frame[0].as_i64().unwrap()).collect();
    assert_eq!(numbers, (1..=i64::try_from(count).unwrap()).collect::<Vec<_>>());
    assert!(heard.windows(2).all(|pair| pair[0] == pair[1]), "all hear the same");
}

async fn an_echo_lets_nobody_in(store: StoreKind) {
    let cluster = Cluster::new(store, NetworkCondition::Fair, NEVER).await;
    let (ada, grace) = (cluster.here.person("ada").await, cluster.here.person("grace").await);
    let room = ada.group("Lunch", &[]).await;
    let mut all = cluster.there(&grace).listen("/ws").await;
    // So that what goes out says what is to be told to her.
    let _here_too = grace.listen("/ws").await;
    ada.post(&room.members, &json!({"user_id": grace.id})).await.expect(201);
    assert_eq!(all.next_of(&["conversation.created"]).await["conversation_id"], room.id.as_str());
    ada.say(&room, "welcome").await;
    assert_eq!(all.receives().await, "welcome");
    ada.delete(&format!("{}/{}", room.members, grace.id)).await.expect(204);
    assert_eq!(all.next_of(&["member.removed"]).await["seq"], 3);
    cluster.ether.echo();
    ada.say(&room, "behind her back").await;
    cluster.ether.echo();
    let other = ada.group("Supper", &[&grace]).await;
    ada.say(&other, "hello again").await;
    let next = all.next_of(&["message.new", "member.added", "member.removed", "conversation.created"]).await;
    assert_eq!((&next["type"], &next["conversation_id"]), (&json!("conversation.created"), &json!(other.id)));
    assert_eq!(all.receives().await, "hello again");
}

async fn a_bus_that_returns_is_made_up_for_at_once(store: StoreKind) {
    let cluster = Cluster::new(store, NetworkCondition::Silence, NEVER).await;
    let (ada, grace) = (cluster.here.person("ada").await, cluster.here.person("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let mut all = cluster.there(&grace).listen("/ws").await;
    ada.say(&room, "is anybody there?").await;
    let other = ada.group("Supper", &[&grace]).await;
    cluster.ether.returns();
    assert_eq!(all.receives().await, "is anybody there?");
    assert_eq!(all.next_of(&["conversation.created"]).await["conversation_id"], other.id.as_str());
    // What leaves a hole is not heard before what is missing.
    cluster.ether.turns(NetworkCondition::Silence);
    ada.say(&room, "one").await;
    ada.say(&room, "two").await;
    cluster.ether.turns(NetworkCondition::Fair);
    ada.say(&room, "three").await;
    for expected in ["one", "two", "three"] {
        assert_eq!(all.receives().await, expected);
    }
}

async fn heartbeats_tell_what_is_new_behind_it(store: StoreKind) {
    let cluster = Cluster::new(store, NetworkCondition::Fair, SOON).await;
    let (ada, grace) = (cluster.here.person("ada").await, cluster.here.person("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let mut all = grace.listen("/ws").await;
    ada.say(&room, "one").await;
    ada.say(&room, "two").await;
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
    assert_eq!((&quiet["heads"], &quiet["membership_version"]), (&json!({}), &json!(1)), "told once");
    ada.group("Supper", &[&grace]).await;
    while all.next_of(&["heartbeat"]).await["membership_version"] != 2 {}
}

async fn numbers_that_went_back_are_started_over(store: StoreKind) {
    let cluster = Cluster::new(store, NetworkCondition::Fair, SOON).await;
    let ada = cluster.here.person("ada").await;
    let room = ada.group("Lunch", &[]).await;
    let mut socket = ada.listen(&room.socket).await;
    for text in ["one", "two", "three"] {
        ada.say(&room, text).await;
    }
    assert_eq!(socket.numbers(3).await, [1, 2, 3]);
    // As after a backup from before the last two was put back.
    for statement in ["DELETE FROM messages WHERE seq > 1", "UPDATE counters SET last_seq = 1"] {
        match store {
            StoreKind::Postgres => connect(&cluster.url).await.batch_execute(statement).await.unwrap(),
            StoreKind::Sqlite => {
                let path = cluster.url.strip_prefix("sqlite:").unwrap().to_owned();
                rusqlite::Connection::open(path).unwrap().execute_batch(statement).unwrap();
            }
        }
    }
    assert_eq!(socket.close_code().await, 1013);
    let mut socket = ada.listen(&format!("{}?after_seq=3", room.socket)).await;
    assert_eq!(socket.next_of(&["error"]).await["code"], "resync");
    ada.say(&room, "two again").await;
    let again = socket.next_of(&["message.new"]).await;
    assert_eq!((&again["seq"], &again["message"]["content"]), (&json!(2), &json!("two again")));
}
