//! Events of other nodes are read from the store for many conversations at a time, and none waits for what is slow or fails.

use std::sync::Arc;

use chinwag::bus::local::Local;
use chinwag::bus::{Bus, Envelope, Hints, Inbox};
use chinwag::domain::session::SessionKey;
use chinwag::domain::{ConversationId, SessionId, Timestamp, UserId};
use chinwag::store::{Conversations, Sessions};
use serde_json::json;

use super::{Cluster, NEVER, Setup};
use crate::support::bus::{Form, NetworkCondition};
use crate::support::client::{Conversation, TestUser};
use crate::support::crowd::group;
use crate::support::server::{Server, StoreKind};
use crate::support::socket::Socket;

on_each_store! {
    many_conversations_are_read_by_one_question,
    a_conversation_that_lacks_much_is_read_in_pages_beside_others,
    a_change_of_blocks_that_the_bus_brought_is_not_sent_again,
    a_conversation_that_is_deleted_while_it_appears_is_gone_again,
}

/// Returns what another node tells of conversations that have reached `seq`.
fn hints(rooms: &[Conversation], seq: i64) -> Envelope {
    let heads = rooms.iter().map(|room| (ConversationId::parse(&room.id).unwrap(), seq)).collect();
    Envelope::Hints(Hints { heads, ..Hints::default() })
}

/// Waits until a socket is live in a conversation by sending its event number 1. Until then it reads by itself what it lacks.
async fn live(socket: &mut Socket, sender: &TestUser, room: &Conversation) {
    sender.send(room, "first").await;
    assert_eq!(socket.next_of(&["message.new"]).await["seq"], 1);
}

async fn many_conversations_are_read_by_one_question(store: StoreKind) {
    let mut inbox: Option<Arc<dyn Inbox>> = None;
    let (server, held_store) = Server::held_on(store, |own| {
        inbox = Some(Arc::clone(&own));
        Arc::new(Local::new(own))
    })
    .await;
    let inbox = inbox.unwrap();
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let mut rooms = Vec::new();
    for number in 0..40 {
        rooms.push(ada.group(&format!("Room {number}"), &[&grace]).await);
    }
    let mut socket = grace.connect("/ws").await;
    for room in &rooms {
        live(&mut socket, &ada, room).await;
        held_store.commit_elsewhere(room, &ada, 1).await;
    }
    // A comparison of everything that gets no answer holds up nothing.
    held_store.stall("live_sessions");
    inbox.on_reconnect();
    let mut first = held_store.hold("events_of", 1);
    inbox.deliver_remote(hints(&rooms[..1], 2));
    first.reached().await;
    for some in rooms[1..].chunks(3) {
        inbox.deliver_remote(hints(some, 2));
    }
    first.release();
    for _ in &rooms {
        assert_eq!(socket.next_of(&["message.new"]).await["seq"], 2);
    }
    assert_eq!(held_store.calls("events_of"), 2, "what was asked for meanwhile is one question");
    inbox.deliver_remote(hints(&rooms, 2));
    inbox.deliver_remote(hints(&[ada.group("Nobody is here", &[]).await], 7));
    ada.send(&rooms[0], "another").await;
    assert_eq!(socket.next_of(&["message.new"]).await["seq"], 3);
    assert_eq!(held_store.calls("events_of"), 2, "what is known is not asked for");
}

async fn a_conversation_that_lacks_much_is_read_in_pages_beside_others(store: StoreKind) {
    let mut inbox: Option<Arc<dyn Inbox>> = None;
    let (server, held_store) = Server::held_on(store, |own| {
        inbox = Some(Arc::clone(&own));
        Arc::new(Local::new(own))
    })
    .await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let rooms = [ada.group("Long", &[&grace]).await, ada.group("Short", &[&grace]).await];
    let mut sockets = [grace.connect(&rooms[0].socket).await, grace.connect(&rooms[1].socket).await];
    for (socket, room) in sockets.iter_mut().zip(&rooms) {
        live(socket, &ada, room).await;
    }
    held_store.commit_elsewhere(&rooms[0], &ada, 250).await;
    held_store.commit_elsewhere(&rooms[1], &ada, 1).await;
    inbox.unwrap().deliver_remote(hints(&rooms, 2));
    assert_eq!(sockets[0].next_seqs(250).await, (2..=251).collect::<Vec<_>>());
    assert_eq!(sockets[1].next_seqs(1).await, [2]);
    assert_eq!(held_store.calls("events_of"), 3, "of 100 events each");
}

/// Otherwise a user who is blocked could tell that from the other's going offline.
async fn a_change_of_blocks_that_the_bus_brought_is_not_sent_again(store: StoreKind) {
    const PRESENCE: [&str; 2] = ["presence.state", "presence.diff"];
    let mut inbox: Option<Arc<dyn Inbox>> = None;
    let (server, held_store) = Server::held_on(store, |own| {
        inbox = Some(Arc::clone(&own));
        Arc::new(Local::new(own))
    })
    .await;
    let (ada, grace, joan) =
        (server.register("ada").await, server.register("grace").await, server.register("joan").await);
    grace.direct(&ada).await;
    grace.direct(&joan).await;
    let (_adas, mut socket) = (ada.connect("/ws").await, grace.connect("/ws").await);
    while !socket.next_of(&PRESENCE).await.to_string().contains(&ada.id) {}
    ada.put(&format!("/v1/users/{}/block", grace.id)).await.expect(204);
    while socket.next_of(&PRESENCE).await["offline"] != json!([ada.id]) {}
    let mut late = grace.connect("/ws").await;
    assert_eq!(late.next_of(&PRESENCE).await["users"], json!({}));

    let mut compared = held_store.hold("versions", 1);
    inbox.unwrap().on_reconnect();
    compared.reached().await;
    compared.release();
    let _joans = joan.connect("/ws").await;
    for socket in [&mut socket, &mut late] {
        let next = socket.next_of(&PRESENCE).await;
        assert_eq!(next["online"], json!([joan.id]), "{next}");
    }
}

async fn a_conversation_that_is_deleted_while_it_appears_is_gone_again(store: StoreKind) {
    let mut inbox: Option<Arc<dyn Inbox>> = None;
    let (server, held_store) = Server::held_on(store, |own| {
        inbox = Some(Arc::clone(&own));
        Arc::new(Local::new(own))
    })
    .await;
    let inbox = inbox.unwrap();
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let ids = [&ada, &grace].map(|user| UserId::parse(&user.id).unwrap());
    let mut socket = grace.connect("/ws").await;
    // Another node creates the conversation, and deletes it when this one has read it and does not catch up yet.
    let room = group(&*held_store, &[ada.clone(), grace.clone()]).await;
    let mut read = held_store.hold("conversation", 1);
    inbox.deliver_remote(Envelope::Hints(Hints { users: vec![ids[1]], ..Hints::default() }));
    read.reached().await;
    held_store.delete_conversation(ConversationId::parse(&room.id).unwrap(), ids[0]).await.unwrap();
    read.release();
    for (kind, version) in [("conversation.created", 1), ("conversation.deleted", 2)] {
        let frame = socket.next_of(&["conversation.created", "conversation.deleted"]).await;
        assert_eq!((&frame["type"], &frame["conversation_id"]), (&json!(kind), &json!(room.id)));
        assert_eq!(frame["membership_version"], version);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_cannot_be_read_holds_up_no_other() {
    let setup = Setup { store: StoreKind::Sqlite, form: Form::Hints };
    let cluster = Cluster::new(setup, NetworkCondition::Disconnected, NEVER).await;
    let (ada, grace) = (cluster.first.register("ada").await, cluster.first.register("grace").await);
    let (bad, good) = (ada.group("Bad", &[&grace]).await, ada.group("Good", &[&grace]).await);
    let mut all = cluster.on_second(&grace).connect("/ws").await;
    ada.send(&bad, "damaged").await;
    ada.send(&good, "first").await;
    let database = rusqlite::Connection::open(cluster.url.strip_prefix("sqlite:").unwrap()).unwrap();
    let write = |sql| assert_eq!(database.execute(sql, []).unwrap(), 1);
    write("UPDATE messages SET id = x'ff' WHERE content = 'damaged'");
    cluster.bus.reconnect();
    assert_eq!(all.next_content().await, "first");
    ada.send(&good, "second").await;
    assert_eq!(all.next_content().await, "second");
    write("UPDATE messages SET id = randomblob(16), content = 'mended' WHERE id = x'ff'");
    assert_eq!(all.next_content().await, "mended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hint_that_comes_while_a_connection_catches_up_is_not_lost() {
    let mut inbox: Option<Arc<dyn Inbox>> = None;
    let (server, held_store) = Server::held_on(StoreKind::Sqlite, |own| {
        inbox = Some(Arc::clone(&own));
        Arc::new(Local::new(own))
    })
    .await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    ada.send(&room, "one").await;
    held_store.stall("heads_of");
    // The connection reads the newest number, and then another node commits an event.
    let mut read = held_store.hold("events", 1);
    let mut socket = grace.connect(&format!("{}?after_seq=0", room.socket)).await;
    read.reached().await;
    held_store.commit_elsewhere(&room, &ada, 1).await;
    inbox.unwrap().deliver_remote(hints(std::slice::from_ref(&room), 2));
    read.release();
    assert_eq!(socket.next_seqs(2).await, [1, 2]);
    socket.send(&json!({"type": "ping"})).await;
    assert_eq!(socket.next_of(&["pong", "message.new"]).await["type"], "pong");
    assert_eq!(held_store.calls("events_of"), 0, "nothing is read for connections that read it themselves");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_comparison_ends_the_sessions_that_the_poll_does_not_find() {
    let mut inbox: Option<Arc<dyn Inbox>> = None;
    let (server, held_store) = Server::held_on(StoreKind::Sqlite, |own| {
        inbox = Some(Arc::clone(&own));
        Arc::new(Local::new(own))
    })
    .await;
    held_store.stall("ended_sessions");
    let ada = server.register("ada").await;
    let mut socket = ada.connect("/ws").await;
    let sessions = ada.get("/v1/users/me/sessions").await.expect(200).json();
    let id = SessionId(sessions["items"][0]["id"].as_str().unwrap().parse().unwrap());
    // Another node ends it, of which this one hears nothing.
    let user_id = UserId(ada.id.parse().unwrap());
    held_store.end_session(SessionKey { user_id, id }, Timestamp::now()).await.unwrap();
    inbox.unwrap().on_reconnect();
    assert_eq!(socket.close_code().await, 4504);
}

/// A bus on which everything comes from another node.
struct Elsewhere(Arc<dyn Inbox>);

impl Bus for Elsewhere {
    fn publish(&self, envelope: Envelope) {
        self.0.deliver_remote(envelope);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_membership_that_changes_while_a_connection_opens_is_not_missed() {
    let (server, held_store) = Server::held_on(StoreKind::Sqlite, |own| Arc::new(Elsewhere(own))).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    // No comparison finds it.
    held_store.stall("live_sessions");
    let mut pages = held_store.hold("conversation_ids", 1);
    let mut compared = held_store.hold("versions", 1);
    let adding = async {
        pages.reached().await;
        let room = ada.group("Lunch", &[&grace]).await;
        compared.reached().await;
        compared.release();
        pages.release();
        room
    };
    let (mut socket, room) = tokio::join!(grace.connect("/ws"), adding);
    assert_eq!(socket.next_of(&["conversation.created"]).await["conversation_id"], room.id.as_str());
}
