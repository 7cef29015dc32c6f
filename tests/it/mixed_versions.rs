//! The previous release and this version run at once on one database, as they do while nodes are replaced. SQLite has one server at a
//! time, so there they take turns.
//!
//! `CHINWAG_PREVIOUS_BIN` names the previous release's binary; `make mixed` runs these tests.

use std::env;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::nodes::fleet::Fleet;
use crate::nodes::node;
use crate::support::client::{Conversation, TestUser};
use crate::support::node::{Node, program};
use crate::support::postgres::database;
use crate::support::rng::FaultRun;
use crate::support::server::StoreKind;
use crate::support::socket::Socket;

/// Rounds of each user at each node.
const ROUNDS: usize = 25;

/// Clients that repeat the whole replay while the database is migrated.
const READERS: usize = 12;

/// Both versions, neither of them started.
async fn nodes(store: StoreKind) -> (Node, Node, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = match store {
        StoreKind::Sqlite => format!("sqlite:{}", folder.path().join("shared.db").display()),
        StoreKind::Postgres => database().await,
    };
    let arguments = ["--database-url", &url, "--jwt-secret", "one secret for all the nodes there are"];
    let (mut previous, present) = (Node::with(&arguments), Node::with(&arguments));
    previous.program = env::var_os("CHINWAG_PREVIOUS_BIN").expect("CHINWAG_PREVIOUS_BIN names the previous release");
    (previous, present, folder)
}

/// A group, and its members at one of the nodes.
#[derive(Clone)]
struct Group {
    room: Conversation,
    /// The owner.
    ada: TestUser,
    grace: TestUser,
    /// A guest, whom this node alone adds and removes.
    guest: TestUser,
}

impl Group {
    async fn new(node: &Node) -> Self {
        let (ada, grace) = (node.register("ada").await, node.register("grace").await);
        let (guest, room) = (node.register("joan").await, ada.group("Lunch", &[&grace]).await);
        Self { room, ada, grace, guest }
    }

    /// The same users at another node, with another guest.
    async fn at(&self, node: &Node) -> Self {
        let there = |user: &TestUser| TestUser { address: node.address, ..user.clone() };
        Self {
            room: self.room.clone(),
            ada: there(&self.ada),
            grace: there(&self.grace),
            guest: node.register("lin").await,
        }
    }

    /// Both users write, round after round, while `goes_on` returns true for the number of the round. Returns the number of their
    /// events.
    async fn write(&self, name: &str, goes_on: impl Fn(usize) -> bool) -> usize {
        let owner = async {
            let mut events = 0;
            while goes_on(events / 5) {
                events += revise(&self.ada, &self.room, &format!("{name}, ada, {events}")).await;
                self.ada.post(&self.room.members, &json!({"user_id": self.guest.id})).await.expect(201);
                self.ada.delete(&format!("{}/{}", self.room.members, self.guest.id)).await.expect(204);
                events += 2;
            }
            self.ada.patch(&self.room.path, &json!({"name": name})).await.expect(200);
            events + 1
        };
        let member = async {
            let mut events = 0;
            while goes_on(events / 3) {
                events += revise(&self.grace, &self.room, &format!("{name}, grace, {events}")).await;
            }
            events
        };
        let (owner, member) = tokio::join!(owner, member);
        owner + member
    }

    /// Returns the frames of a replay from the beginning, and the history.
    async fn replayed(&self) -> (Vec<Value>, Value) {
        let mut socket = self.grace.connect(&format!("{}?after_seq=0", self.room.socket)).await;
        let (mut frames, closed) = socket.until("resumed").await;
        assert_eq!(closed, None);
        frames.retain(|frame| frame["seq"].is_i64());
        let history = self.grace.get(&format!("{}?limit=200", self.room.messages)).await.expect(200).json();
        (frames, history)
    }

    /// Sends a message, waits until a client has received everything up to it, and returns what the client received.
    async fn received_by(&self, mut socket: Socket) -> Vec<Value> {
        let last = self.grace.send(&self.room, "the last one").await;
        let mut events: Vec<Value> = Vec::new();
        while events.last().is_none_or(|event| event[0] != last["seq"]) {
            events
                .extend(Some(socket.next().await).filter(|frame| frame["seq"].is_i64()).map(|frame| identity(&frame)));
        }
        events
    }
}

/// Sends a message, edits it and deletes it: three events.
async fn revise(user: &TestUser, room: &Conversation, content: &str) -> usize {
    let sent = user.send(room, content).await;
    let path = format!("{}/{}", room.messages, sent["id"].as_str().unwrap());
    let edited = user.patch(&path, &json!({"content": format!("{content}, edited")})).await.expect(200).json();
    assert_eq!((&edited["id"], &edited["seq"]), (&sent["id"], &sent["seq"]));
    user.delete(&path).await.expect(204);
    3
}

/// Returns the parts of an event's frame that are the same on both nodes.
fn identity(frame: &Value) -> Value {
    json!([frame["seq"], frame["type"], frame["message"]["id"]])
}

/// Lets both nodes write at once, and compares what they show. `events` is the number of earlier events.
async fn write_at_once(previous: &Group, present: &Group, events: usize) {
    let path = format!("{}?after_seq=0", previous.room.socket);
    let listeners =
        [previous, present].map(async |group| (group.ada.connect(&path).await, group.grace.connect("/ws").await));
    let [before, now] = listeners;
    let ((before, before_all), (now, now_all)) = tokio::join!(before, now);
    let (first, second) = tokio::join!(
        previous.write("previous", |round| round < ROUNDS),
        present.write("present", |round| round < ROUNDS)
    );
    let events = events + first + second;

    let mut received = Vec::new();
    for (group, socket) in [(previous, before), (present, now), (previous, before_all), (present, now_all)] {
        received.push(group.received_by(socket).await);
    }
    let events = events + received.len();
    let (frames, history) = previous.replayed().await;
    assert_eq!(present.replayed().await, (frames.clone(), history), "both show the same");
    let numbers: Vec<i64> = frames.iter().map(|frame| frame["seq"].as_i64().unwrap()).collect();
    assert_eq!(numbers, (1..=i64::try_from(events).unwrap()).collect::<Vec<_>>(), "nothing is lost or duplicated");
    let stored: Vec<Value> = frames.iter().map(identity).collect();
    for events in received {
        let first = usize::try_from(events[0][0].as_i64().unwrap()).unwrap() - 1;
        assert_eq!(events, stored[first..first + events.len()], "a listener gets each event once, in order");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs CHINWAG_PREVIOUS_BIN"]
async fn this_version_migrates_beneath_the_previous_one() {
    let (mut previous, mut present, _folder) = nodes(StoreKind::Postgres).await;
    previous.start().await;
    let before = Group::new(&previous).await;
    let has_migrated = AtomicBool::new(false);
    let migration = async {
        present.start().await;
        has_migrated.store(true, Ordering::Relaxed);
    };
    let goes_on = |round| round < ROUNDS || !has_migrated.load(Ordering::Relaxed);
    // Readers too: they lock what a migration changes.
    let readers = join_all((0..READERS).map(async |_| {
        while !has_migrated.load(Ordering::Relaxed) {
            before.replayed().await;
        }
    }));
    let (events, (), _) = tokio::join!(before.write("before", goes_on), migration, readers);
    write_at_once(&before, &before.at(&present).await, events).await;
    stop(&mut previous).await;
    stop(&mut present).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs CHINWAG_PREVIOUS_BIN"]
async fn the_previous_version_starts_on_this_schema() {
    let (mut previous, mut present, _folder) = nodes(StoreKind::Postgres).await;
    present.start().await;
    let now = Group::new(&present).await;
    let events = now.write("before", |round| round < 1).await;
    previous.start().await;
    write_at_once(&now.at(&previous).await, &now, events).await;
    stop(&mut present).await;
    // A return to the previous release is possible.
    let there = TestUser { address: previous.address, ..now.grace.clone() };
    there.send(&now.room, "still here").await;
    stop(&mut previous).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs CHINWAG_PREVIOUS_BIN"]
async fn on_sqlite_the_versions_take_turns() {
    let (mut previous, mut present, _folder) = nodes(StoreKind::Sqlite).await;
    previous.start().await;
    let before = Group::new(&previous).await;
    let mut events = before.write("previous", |round| round < ROUNDS).await;
    stop(&mut previous).await;
    present.start().await;
    let now = before.at(&present).await;
    events += now.write("present", |round| round < ROUNDS).await;
    let replayed = now.replayed().await;
    stop(&mut present).await;
    // A return to the previous release is possible.
    previous.start().await;
    assert_eq!(before.replayed().await, replayed, "both show the same");
    events += before.write("previous again", |round| round < ROUNDS).await;
    let (frames, _) = before.replayed().await;
    let numbers: Vec<i64> = frames.iter().map(|frame| frame["seq"].as_i64().unwrap()).collect();
    assert_eq!(numbers, (1..=i64::try_from(events).unwrap()).collect::<Vec<_>>(), "nothing is lost or duplicated");
    stop(&mut previous).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs CHINWAG_PREVIOUS_BIN"]
async fn nodes_of_the_previous_version_are_replaced_one_after_the_other() {
    let run = FaultRun::new("a rolling restart from the previous version");
    let previous = env::var_os("CHINWAG_PREVIOUS_BIN").expect("CHINWAG_PREVIOUS_BIN names the previous release");
    let url = database().await;
    let mut nodes = vec![node(&url), node(&url), node(&url)];
    for node in &mut nodes {
        node.program.clone_from(&previous);
    }
    let mut fleet = Fleet::start(nodes, &mut run.rng()).await;
    fleet.roll(Some(&program())).await;
    fleet.verify(&run).await;
}

async fn stop(node: &mut Node) {
    node.signal(Signal::TERM);
    assert!(node.ended().await.success());
}
