//! Membership that changes while a connection begins: between its questions to the store, and before it is live.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::client::{Conversation, Person};
use crate::support::held_store::HeldStore;
use crate::support::server::{Server, StoreKind};
use crate::support::socket::Socket;

on_each_store! {
    members_who_change_while_a_connection_begins,
    members_who_change_while_a_held_connection_begins,
    a_member_who_is_removed_while_a_connection_to_one_conversation_begins,
}

/// The questions that a connection to all conversations asks while it begins, and which of that name. It lists the conversations
/// once to subscribe and once to become live.
const QUESTIONS: [(&str, usize); 4] = [("connect_snapshot", 1), ("heads", 1), ("heads", 2), ("contacts", 1)];

struct Fixture {
    server: Server,
    behind: Arc<HeldStore>,
    ada: Person,
    grace: Person,
}

/// Three groups of Ada's: Grace is in the first two, and soon in the last two.
struct Rooms {
    left: Conversation,
    stays: Conversation,
    joined: Conversation,
    /// A member of the first.
    stranger: Person,
    /// A member of the second.
    friend: Person,
}

impl Fixture {
    async fn set(store: StoreKind) -> Self {
        let (server, behind) = Server::held(store).await;
        let (ada, grace) = (server.person("ada").await, server.person("grace").await);
        Self { server, behind, ada, grace }
    }

    async fn rooms(&self, number: usize) -> Rooms {
        let stranger = self.server.person(&format!("stranger{number}")).await;
        let friend = self.server.person(&format!("friend{number}")).await;
        let left = self.ada.group("Left", &[&self.grace, &stranger]).await;
        let stays = self.ada.group("Stays", &[&self.grace, &friend]).await;
        Rooms { left, stays, joined: self.ada.group("Joined", &[]).await, stranger, friend }
    }

    /// Grace is removed from one group and added to another, and then something is said in all.
    async fn change(&self, rooms: &Rooms) {
        self.ada.delete(&format!("{}/{}", rooms.left.members, self.grace.id)).await.expect(204);
        self.ada.post(&rooms.joined.members, &json!({"user_id": self.grace.id})).await.expect(201);
        self.say(rooms, "meanwhile").await;
    }

    async fn say(&self, rooms: &Rooms, text: &str) {
        for room in [&rooms.left, &rooms.stays, &rooms.joined] {
            self.ada.say(room, text).await;
        }
    }
}

/// The connection gets the presence of a friend, and not that of a stranger.
async fn tells_presence_of_friends(socket: &mut Socket, rooms: &Rooms) {
    // In this order: presence of the stranger would come no later than that of the friend.
    let _there = (rooms.stranger.listen("/ws").await, rooms.friend.listen("/ws").await);
    let mut online = Vec::new();
    while !online.contains(&json!(rooms.friend.id)) {
        online.append(socket.next_of(&["presence.diff"]).await["online"].as_array_mut().unwrap());
    }
    assert!(!online.contains(&json!(rooms.stranger.id)));
}

/// Type and text of the frames about a conversation, and their numbers.
fn about(frames: &[Value], room: &Conversation) -> (Vec<(String, String)>, Vec<i64>) {
    let of_room = || frames.iter().filter(|frame| frame["conversation_id"] == room.id && frame["type"] != "resumed");
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let said = of_room().map(|frame| {
        let is_text = frame["message"]["type"] == "text";
        (word(&frame["type"]), if is_text { word(&frame["message"]["content"]) } else { String::new() })
    });
    (said.collect(), of_room().filter_map(|frame| frame["seq"].as_i64()).collect())
}

fn pairs(said: &[(String, String)]) -> Vec<(&str, &str)> {
    said.iter().map(|(kind, text)| (kind.as_str(), text.as_str())).collect()
}

async fn members_who_change_while_a_connection_begins(store: StoreKind) {
    let scene = Fixture::set(store).await;
    for (index, (method, number)) in QUESTIONS.into_iter().enumerate() {
        let rooms = scene.rooms(index).await;
        let mut hold = scene.behind.hold(method, number);
        let mut socket = scene.grace.open("/ws").await;
        hold.reached().await;
        scene.change(&rooms).await;
        hold.release();
        assert_eq!(socket.next().await["type"], "hello");
        scene.say(&rooms, "afterwards").await;
        socket.send(&json!({"type": "ping"})).await;
        let (frames, _) = socket.until("pong").await;

        let at = format!("{method} {number}");
        let (said, _) = about(&frames, &rooms.left);
        assert!(said.iter().all(|(kind, _)| kind == "member.removed"), "{at}: nothing behind it: {said:?}");
        let (said, numbers) = about(&frames, &rooms.joined);
        let expected = [
            ("conversation.created", ""),
            ("member.added", ""),
            ("message.new", "meanwhile"),
            ("message.new", "afterwards"),
        ];
        assert_eq!((pairs(&said), numbers), (expected.to_vec(), vec![1, 2, 3]), "{at}");
        let (said, _) = about(&frames, &rooms.stays);
        let (last, before) = said.split_last().unwrap();
        assert_eq!(last.1, "afterwards", "{at}");
        assert!(before.iter().all(|(_, text)| text == "meanwhile") && before.len() < 2, "{at}: {said:?}");
        tells_presence_of_friends(&mut socket, &rooms).await;
    }
}

async fn members_who_change_while_a_held_connection_begins(store: StoreKind) {
    let scene = Fixture::set(store).await;
    for (index, (method, number)) in QUESTIONS.into_iter().enumerate() {
        let rooms = scene.rooms(index).await;
        let mut hold = scene.behind.hold(method, number);
        let mut socket = scene.grace.open("/ws?hold=1").await;
        hold.reached().await;
        scene.change(&rooms).await;
        hold.release();
        assert_eq!(socket.next().await["type"], "hello");
        scene.say(&rooms, "afterwards").await;
        let conversations = json!({&rooms.left.id: 0, &rooms.stays.id: 0, &rooms.joined.id: 0});
        socket.send(&json!({"type": "resume", "conversations": conversations})).await;
        socket.send(&json!({"type": "ping"})).await;
        let (frames, _) = socket.until("pong").await;

        let at = format!("{method} {number}");
        assert_eq!(pairs(&about(&frames, &rooms.left).0), [("error", "")], "{at}");
        let (said, numbers) = about(&frames, &rooms.joined);
        assert_eq!((said[0].0.as_str(), numbers), ("conversation.created", vec![1, 2, 3]), "{at}: {said:?}");
        assert_eq!(about(&frames, &rooms.stays).1, [1, 2], "{at}");
        tells_presence_of_friends(&mut socket, &rooms).await;
    }
}

async fn a_member_who_is_removed_while_a_connection_to_one_conversation_begins(store: StoreKind) {
    let scene = Fixture::set(store).await;
    for (method, query) in
        [("connect_snapshot", ""), ("heads_for", ""), ("heads_for", "?after_seq=0"), ("events", "?after_seq=0")]
    {
        let room = scene.ada.group("Left", &[&scene.grace]).await;
        scene.ada.say(&room, "before").await;
        let mut hold = scene.behind.hold(method, 1);
        let mut socket = scene.grace.open(&format!("{}{query}", room.socket)).await;
        hold.reached().await;
        scene.ada.say(&room, "meanwhile").await;
        scene.ada.delete(&format!("{}/{}", room.members, scene.grace.id)).await.expect(204);
        scene.ada.say(&room, "behind her back").await;
        hold.release();
        let (frames, code) = socket.until("never").await;
        let texts: Vec<_> = frames.iter().map(|frame| &frame["message"]["content"]).collect();
        assert!(!texts.contains(&&json!("behind her back")), "{method}{query}: {frames:?}");
        assert_eq!(code, Some(4503), "{method}{query}");
    }
}
