//! Membership that changes while a client connects: between the store calls of the connection, and before its subscriptions are
//! live.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::client::{Conversation, TestUser};
use crate::support::held_store::HeldStore;
use crate::support::server::{Server, StoreKind};
use crate::support::socket::Socket;

on_each_store! {
    members_who_change_while_a_connection_begins,
    members_who_change_while_a_held_connection_begins,
    a_member_who_is_removed_while_a_connection_to_one_conversation_begins,
}

/// The store calls of a connection to all conversations: the method, and the number of its call. The connection lists the
/// conversations to subscribe to them, and then their numbers to become live.
const STORE_CALLS: [(&str, usize); 4] =
    [("connect_snapshot", 1), ("conversation_ids", 1), ("heads_for", 1), ("co_members", 1)];

struct Fixture {
    server: Server,
    held_store: Arc<HeldStore>,
    ada: TestUser,
    grace: TestUser,
}

/// Three groups of Ada's. Grace is at first in two of them, and later in two others.
struct Rooms {
    left: Conversation,
    stays: Conversation,
    joined: Conversation,
    /// A member of the first group.
    stranger: TestUser,
    /// A member of the second group.
    friend: TestUser,
}

impl Fixture {
    async fn set(store: StoreKind) -> Self {
        let (server, held_store) = Server::held(store).await;
        let (ada, grace) = (server.register("ada").await, server.register("grace").await);
        Self { server, held_store, ada, grace }
    }

    async fn rooms(&self, number: usize) -> Rooms {
        let stranger = self.server.register(&format!("stranger{number}")).await;
        let friend = self.server.register(&format!("friend{number}")).await;
        let left = self.ada.group("Left", &[&self.grace, &stranger]).await;
        let stays = self.ada.group("Stays", &[&self.grace, &friend]).await;
        Rooms { left, stays, joined: self.ada.group("Joined", &[]).await, stranger, friend }
    }

    /// Removes Grace from one group and adds her to another, and then sends a message to each group.
    async fn change(&self, rooms: &Rooms) {
        self.ada.delete(&format!("{}/{}", rooms.left.members, self.grace.id)).await.expect(204);
        self.ada.post(&rooms.joined.members, &json!({"user_id": self.grace.id})).await.expect(201);
        self.send(rooms, "meanwhile").await;
    }

    async fn send(&self, rooms: &Rooms, text: &str) {
        for room in [&rooms.left, &rooms.stays, &rooms.joined] {
            self.ada.send(room, text).await;
        }
    }
}

/// Checks that the connection gets the presence of a friend but not of a stranger.
async fn tells_presence_of_friends(socket: &mut Socket, rooms: &Rooms) {
    // The stranger connects first, so that a wrong presence frame would arrive before the friend's.
    let _there = (rooms.stranger.connect("/ws").await, rooms.friend.connect("/ws").await);
    let mut online = Vec::new();
    while !online.contains(&json!(rooms.friend.id)) {
        online.append(socket.next_of(&["presence.diff"]).await["online"].as_array_mut().unwrap());
    }
    assert!(!online.contains(&json!(rooms.stranger.id)));
}

/// Returns the types and texts of the frames of a conversation, and their numbers.
fn about(frames: &[Value], room: &Conversation) -> (Vec<(String, String)>, Vec<i64>) {
    let of_room = || frames.iter().filter(|frame| frame["conversation_id"] == room.id && frame["type"] != "resumed");
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let received = of_room().map(|frame| {
        let is_text = frame["message"]["type"] == "text";
        (word(&frame["type"]), if is_text { word(&frame["message"]["content"]) } else { String::new() })
    });
    (received.collect(), of_room().filter_map(|frame| frame["seq"].as_i64()).collect())
}

fn pairs(received: &[(String, String)]) -> Vec<(&str, &str)> {
    received.iter().map(|(kind, text)| (kind.as_str(), text.as_str())).collect()
}

async fn members_who_change_while_a_connection_begins(store: StoreKind) {
    let fixture = Fixture::set(store).await;
    for (index, (method, number)) in STORE_CALLS.into_iter().enumerate() {
        let rooms = fixture.rooms(index).await;
        let mut hold = fixture.held_store.hold(method, number);
        let mut socket = fixture.grace.open("/ws").await;
        hold.reached().await;
        fixture.change(&rooms).await;
        hold.release();
        assert_eq!(socket.next().await["type"], "hello");
        fixture.send(&rooms, "afterwards").await;
        socket.send(&json!({"type": "ping"})).await;
        let (frames, _) = socket.until("pong").await;

        let at = format!("{method} {number}");
        let (received, _) = about(&frames, &rooms.left);
        assert!(received.iter().all(|(kind, _)| kind == "member.removed"), "{at}: nothing behind it: {received:?}");
        let (received, numbers) = about(&frames, &rooms.joined);
        let expected = [
            ("conversation.created", ""),
            ("member.added", ""),
            ("message.new", "meanwhile"),
            ("message.new", "afterwards"),
        ];
        assert_eq!((pairs(&received), numbers), (expected.to_vec(), vec![1, 2, 3]), "{at}");
        let (received, _) = about(&frames, &rooms.stays);
        let (last, before) = received.split_last().unwrap();
        assert_eq!(last.1, "afterwards", "{at}");
        assert!(before.iter().all(|(_, text)| text == "meanwhile") && before.len() < 2, "{at}: {received:?}");
        tells_presence_of_friends(&mut socket, &rooms).await;
    }
}

async fn members_who_change_while_a_held_connection_begins(store: StoreKind) {
    let fixture = Fixture::set(store).await;
    for (index, (method, number)) in STORE_CALLS.into_iter().enumerate() {
        let rooms = fixture.rooms(index).await;
        let mut hold = fixture.held_store.hold(method, number);
        let mut socket = fixture.grace.open("/ws?hold=1").await;
        hold.reached().await;
        fixture.change(&rooms).await;
        hold.release();
        assert_eq!(socket.next().await["type"], "hello");
        fixture.send(&rooms, "afterwards").await;
        let conversations = json!({&rooms.left.id: 0, &rooms.stays.id: 0, &rooms.joined.id: 0});
        socket.send(&json!({"type": "resume", "conversations": conversations})).await;
        socket.send(&json!({"type": "ping"})).await;
        let (frames, _) = socket.until("pong").await;

        let at = format!("{method} {number}");
        assert_eq!(pairs(&about(&frames, &rooms.left).0), [("error", "")], "{at}");
        let (received, numbers) = about(&frames, &rooms.joined);
        assert_eq!((received[0].0.as_str(), numbers), ("conversation.created", vec![1, 2, 3]), "{at}: {received:?}");
        assert_eq!(about(&frames, &rooms.stays).1, [1, 2], "{at}");
        tells_presence_of_friends(&mut socket, &rooms).await;
    }
}

async fn a_member_who_is_removed_while_a_connection_to_one_conversation_begins(store: StoreKind) {
    let fixture = Fixture::set(store).await;
    for (method, query) in
        [("connect_snapshot", ""), ("heads_for", ""), ("heads_for", "?after_seq=0"), ("events", "?after_seq=0")]
    {
        let room = fixture.ada.group("Left", &[&fixture.grace]).await;
        fixture.ada.send(&room, "before").await;
        let mut hold = fixture.held_store.hold(method, 1);
        let mut socket = fixture.grace.open(&format!("{}{query}", room.socket)).await;
        hold.reached().await;
        fixture.ada.send(&room, "meanwhile").await;
        fixture.ada.delete(&format!("{}/{}", room.members, fixture.grace.id)).await.expect(204);
        fixture.ada.send(&room, "behind her back").await;
        hold.release();
        let (frames, code) = socket.until("never").await;
        let texts: Vec<_> = frames.iter().map(|frame| &frame["message"]["content"]).collect();
        assert!(!texts.contains(&&json!("behind her back")), "{method}{query}: {frames:?}");
        assert_eq!(code, Some(4503), "{method}{query}");
    }
}
