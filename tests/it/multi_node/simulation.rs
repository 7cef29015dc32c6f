//! A simulation of five nodes on a lossy bus. Clients at all of them send, edit, react, come and go, and go on at another node with what they
//! have. The bus loses, doubles, delays and reorders envelopes, and parts the nodes. In the end every reader has the history that the store has,
//! each event once and in order.
//!
//! The seed decides what the bus and the clients do, and is printed when the test fails: `CHINWAG_FAULT_SEED` repeats a run as far as the
//! machine's timing allows.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::Setup;
use crate::support::balancer::Balancer;
use crate::support::bus::{NetworkCondition, TestBus};
use crate::support::client::{Conversation, TestUser};
use crate::support::client_pool::{Behaviour, ClientPool};
use crate::support::history::{Event, FinalState, Log};
use crate::support::postgres::database;
use crate::support::rng::{FaultRun, Rng};
use crate::support::server::{Server, StoreKind};

in_each_setup! {
    five_nodes_on_a_lossy_bus_end_with_one_history,
}

const NODES: usize = 5;
/// Finds what the bus loses at the end of a conversation. Longer than the machine may keep a client from answering a ping.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Rounds, in each of which the network and the connections may change once.
const ROUNDS: usize = 12;
/// Sends that are acknowledged in a round.
const SENDS: usize = 20;

async fn five_nodes_on_a_lossy_bus_end_with_one_history(setup: Setup) {
    let run = FaultRun::new("five nodes on a lossy bus");
    let mut rng = run.rng();
    let folder = tempfile::tempdir().unwrap();
    let url = match setup.store {
        StoreKind::Sqlite => format!("sqlite:{}", folder.path().join("shared.db").display()),
        StoreKind::Postgres => database().await,
    };
    let bus = TestBus::new(setup.form, NetworkCondition::Unreliable(rng.fork()));
    let secret = "one secret for all the nodes there are";
    let arguments = ["--database-url", &url, "--jwt-secret", secret, "--rate-limits", "off"];
    let mut nodes = Vec::new();
    for _ in 0..NODES {
        nodes.push(Server::node(&arguments, HEARTBEAT, &bus).await);
    }
    let balancer = Balancer::to(nodes.iter().map(|node| node.address).collect(), rng.fork()).await;

    let mut users = Vec::new();
    for name in ["ada", "grace", "alan", "joan"] {
        users.push(TestUser::register(balancer.address, name).await);
    }
    let [ada, grace, alan, joan] = &users[..] else { panic!("four users") };
    let room = ada.group("Lunch", &[grace, alan]).await;
    let log = Log::new();
    let actors = [
        (ada, Behaviour::Sends),
        (grace, Behaviour::Sends),
        (alan, Behaviour::PostsSlowly),
        (ada, Behaviour::Reads),
        (grace, Behaviour::Reads),
        (alan, Behaviour::Reads),
    ];
    let clients = ClientPool::start(&log, &room, &actors, &mut rng);
    let at = usize::try_from(rng.in_range(0..NODES as u64)).unwrap();
    let visitor = Visitor::new(&TestUser { address: nodes[at].address, ..joan.clone() }, &room).await;

    for round in 0..run.rounds(ROUNDS) {
        change_network(&bus, &mut rng);
        if round == 0 || rng.in_range(0..3) == 0 {
            balancer.cut();
        }
        tokio::join!(log.acknowledged(SENDS), revise(ada, &room, &mut rng), come_and_go(ada, joan, &room));
    }
    bus.partition(Vec::new());
    ada.post(&room.members, &json!({"user_id": joan.id})).await.expect(201);
    let final_state = clients.end(ada).await;
    let counts = log.verify(std::slice::from_ref(&final_state));
    assert!(counts.acknowledged >= SENDS && counts.connections > actors.len(), "{counts}");
    visitor.verify(&final_state).await;
    run.print(format_args!("{setup:?}: {counts}"));
}

/// Parts the nodes at random, or lets all hear each other.
fn change_network(bus: &TestBus, rng: &mut Rng) {
    match rng.in_range(0..4) {
        0 => bus.partition((0..NODES).map(|_| rng.in_range(0..2)).collect()),
        1 => bus.heal(),
        // The carrier does not notice that it was cut off.
        2 => bus.partition(Vec::new()),
        _ => {}
    }
}

/// Edits a message and reacts to it, each at any node.
async fn revise(user: &TestUser, room: &Conversation, rng: &mut Rng) {
    let page = user.get(&format!("{}?limit=20", room.messages)).await.expect(200).json();
    let own = |message: &&Value| message["sender_id"] == user.id.as_str() && message["type"] == "text";
    let own: Vec<&Value> = page["items"].as_array().unwrap().iter().filter(own).collect();
    let Some(at) = rng.next().checked_rem(own.len() as u64) else { return };
    let path = format!("{}/{}", room.messages, own[usize::try_from(at).unwrap()]["id"].as_str().unwrap());
    user.patch(&path, &json!({"content": format!("edited {}", rng.next())})).await.expect(200);
    user.put(&format!("{path}/reactions/%F0%9F%91%8D")).await;
}

/// Adds a user, and removes them again.
async fn come_and_go(owner: &TestUser, user: &TestUser, room: &Conversation) {
    owner.post(&room.members, &json!({"user_id": user.id})).await.expect(201);
    owner.delete(&format!("{}/{}", room.members, user.id)).await.expect(204);
}

/// A user who is added and removed again and again, on one connection to all their conversations.
struct Visitor {
    /// The last number of the conversation, when it is known.
    last: watch::Sender<Option<i64>>,
    reading: JoinHandle<Vec<Event>>,
}

impl Visitor {
    async fn new(user: &TestUser, room: &Conversation) -> Self {
        let (mut socket, conversation) = (user.connect("/ws").await, room.id.parse::<Uuid>().unwrap());
        let last = watch::Sender::new(None);
        let mut end = last.subscribe();
        let reading = tokio::spawn(async move {
            let mut events: Vec<Event> = Vec::new();
            while end.borrow_and_update().is_none_or(|last| events.last().is_none_or(|event| event.seq < last)) {
                tokio::select! {
                    frame = socket.next() => {
                        events.extend(Event::of(&frame).filter(|event| event.conversation == conversation));
                    }
                    _ = end.changed() => {}
                }
            }
            events
        });
        Self { last, reading }
    }

    /// Checks that the user has received each event of each visit once and in order. Between two visits, events are missing.
    async fn verify(self, final_state: &FinalState) {
        self.last.send_replace(Some(final_state.last_seq()));
        let received = self.reading.await.unwrap();
        for event in &received {
            assert_eq!(final_state.events[usize::try_from(event.seq - 1).unwrap()], *event);
        }
        assert_eq!(received[0].kind, "member.added");
        for pair in received.windows(2) {
            let between = (usize::try_from(pair[0].seq - 1).unwrap())..usize::try_from(pair[1].seq - 1).unwrap();
            let was_out = final_state.events[between].iter().any(|event| event.kind == "member.removed");
            let is_next = pair[1].seq == pair[0].seq + 1;
            assert!(is_next || was_out && pair[1].kind == "member.added" && pair[0].seq < pair[1].seq, "{pair:?}");
        }
    }
}
