//! A newer version writes to the same database: a node passes on the kinds of events and the fields that it does not know.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use crate::support::client::{Conversation, Person};
use crate::support::postgres::{connect, database};
use crate::support::server::{Server, StoreKind};
use crate::support::socket::Socket;

on_each_store! {
    a_resume_gives_events_of_unknown_kinds,
    a_send_behind_unknown_events_is_answered_and_delivered_after_them,
    a_heartbeat_finds_unknown_events_that_nothing_follows,
    history_shows_unknown_notes_and_fields,
    unknown_fields_survive_an_edit,
}

/// Short, so that a test need not wait for long.
const SOON: Duration = Duration::from_millis(200);
/// Longer than a test waits for anything.
const NEVER: Duration = Duration::from_secs(3_600);
/// A field of messages that this version does not know.
const PINNED_AT: &str = "2031-05-06T07:08:09.000010Z";

/// A node of a newer version. The node of this version learns of its rows from the database alone.
enum NewerNode {
    Sqlite(PathBuf),
    Postgres(tokio_postgres::Client),
}

impl NewerNode {
    async fn execute(&self, statements: &str) {
        match self {
            Self::Sqlite(path) => {
                let connection = rusqlite::Connection::open(path).unwrap();
                connection.busy_timeout(Duration::from_secs(4)).unwrap();
                connection.execute_batch(statements).unwrap();
            }
            Self::Postgres(client) => client.batch_execute(statements).await.unwrap(),
        }
    }

    /// An id as the database writes it.
    fn id(&self, id: &str) -> String {
        match self {
            Self::Sqlite(_) => format!("x'{}'", id.replace('-', "")),
            Self::Postgres(_) => format!("'{id}'::uuid"),
        }
    }

    /// Takes the conversation's next number and inserts a row with it, in one transaction. `columns` and `values` are those besides
    /// the conversation and the number.
    async fn insert(&self, room: &Conversation, table: &str, columns: &str, values: &str) {
        let id = self.id(&room.id);
        let statements = format!(
            "BEGIN; UPDATE counters SET last_seq = last_seq + 1 WHERE conversation_id = {id}; \
             INSERT INTO {table} (conversation_id, seq, {columns}) \
             SELECT conversation_id, last_seq, {values} FROM counters WHERE conversation_id = {id}; COMMIT"
        );
        self.execute(&statements).await;
    }

    async fn change(&self, room: &Conversation, kind: &str, message_seq: Option<i64>, payload: Option<&Value>) {
        let message_seq = message_seq.map_or("NULL".to_owned(), |seq| seq.to_string());
        let payload = payload.map_or("NULL".to_owned(), |payload| text(&payload.to_string()));
        let values = format!("'{kind}', {message_seq}, {payload}");
        self.insert(room, "changes", "kind, message_seq, payload", &values).await;
    }

    /// A system message of the time of the latest message.
    async fn note(&self, room: &Conversation, kind: &str, note: &Value) {
        let [id, sender_id] = ["id", "sender_id"].map(|field| self.id(note[field].as_str().unwrap()));
        let user_id = self.id(note["system"]["user_id"].as_str().unwrap());
        let content = text(note["content"].as_str().unwrap());
        let values = format!("{id}, {sender_id}, {content}, active_at, '{kind}', {user_id}, 'for an hour'");
        let columns = "id, sender_id, content, timestamp, note_kind, note_user_id, note_value";
        self.insert(room, "messages", columns, &values).await;
    }

    /// Pins a message, in a field of its own.
    async fn pin(&self, room: &Conversation, seq: &Value) {
        let (id, extra) = (self.id(&room.id), text(&json!({"pinned_at": PINNED_AT}).to_string()));
        self.execute(&format!("UPDATE messages SET extra = {extra} WHERE conversation_id = {id} AND seq = {seq}"))
            .await;
    }
}

/// A text as SQL writes it.
fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A message that was pinned.
fn pinned(mut message: Value) -> Value {
    message["pinned_at"] = json!(PINNED_AT);
    message
}

/// A node of this version, whose store a newer one writes to as well.
struct Fixture {
    _server: Server,
    newer: NewerNode,
    ada: Person,
    grace: Person,
    room: Conversation,
    /// The room's first message.
    hello: Value,
    _folder: TempDir,
}

impl Fixture {
    async fn new(store: StoreKind, heartbeat: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (url, newer) = match store {
            StoreKind::Sqlite => {
                let path = folder.path().join("shared.db");
                (format!("sqlite:{}", path.display()), NewerNode::Sqlite(path))
            }
            StoreKind::Postgres => {
                let url = database().await;
                let client = connect(&url).await;
                (url, NewerNode::Postgres(client))
            }
        };
        let arguments = ["--database-url", &url, "--rate-limits", "off"];
        let server = Server::configured(&arguments, |config| config.heartbeat = heartbeat).await;
        let (ada, grace) = (server.person("ada").await, server.person("grace").await);
        let room = ada.group("Lunch", &[&grace]).await;
        let hello = ada.say(&room, "hello").await;
        Self { _server: server, newer, ada, grace, room, hello, _folder: folder }
    }

    /// The system message that the newer version leaves.
    fn note(&self) -> Value {
        json!({
            "id": Uuid::now_v7(), "conversation_id": self.room.id, "seq": 6, "sender_id": self.ada.id, "type": "system",
            "content": "Ada muted Grace's \"voice\"", "reply_to": null, "timestamp": self.hello["timestamp"],
            "edited_at": null, "deleted_at": null, "reactions": [], "status": "sent",
            "system": {"kind": "member.muted", "user_id": self.grace.id},
        })
    }

    /// Writes a row of each sort. Returns the frames of all events, from the first message on.
    async fn write_unknown(&self) -> Vec<Value> {
        let Self { newer, room, .. } = self;
        let hello = pinned(self.hello.clone());
        let note = self.note();
        newer.pin(room, &hello["seq"]).await;
        let pinning = json!({"message_id": hello["id"], "user_id": self.grace.id});
        newer.change(room, "message.pinned", Some(1), Some(&pinning)).await;
        let archive = json!({"until": null, "by": {"user_id": self.ada.id, "reason": "it's \"over\" \\ 👋"}});
        newer.change(room, "conversation.archived", None, Some(&archive)).await;
        newer.change(room, "conversation.restored", None, None).await;
        newer.change(room, "message.translated", Some(1), None).await;
        newer.note(room, "member.muted", &note).await;
        let frames = [
            json!({"type": "message.new", "message": hello}),
            json!({"type": "message.pinned", "message": hello, "message_id": hello["id"], "user_id": self.grace.id}),
            json!({"type": "conversation.archived", "until": null, "by": archive["by"]}),
            json!({"type": "conversation.restored"}),
            json!({"type": "message.translated", "message": hello}),
            json!({"type": "member.muted", "message": note}),
        ];
        let numbered = |(seq, mut frame): (usize, Value)| {
            frame["conversation_id"] = json!(room.id);
            frame["seq"] = json!(seq);
            frame
        };
        (1..).zip(frames).map(numbered).collect()
    }

    /// The frame of a new message.
    fn new_message(&self, message: &Value) -> Value {
        json!({"type": "message.new", "conversation_id": self.room.id, "seq": message["seq"], "message": message})
    }
}

/// The numbered frames up to one of this type.
async fn numbered_until(socket: &mut Socket, last: &str) -> Vec<Value> {
    let (frames, closed) = socket.until(last).await;
    assert_eq!(closed, None, "{frames:#?}");
    frames.into_iter().filter(|frame| frame["seq"].is_i64()).collect()
}

/// The numbered frames up to the last of those that are expected, and those that come behind it by mistake.
async fn numbered(socket: &mut Socket, expected: &[Value]) -> Vec<Value> {
    let mut frames: Vec<Value> = Vec::new();
    while frames.last().is_none_or(|frame| frame["seq"] != expected.last().unwrap()["seq"]) {
        frames.extend(Some(socket.next().await).filter(|frame| frame["seq"].is_i64()));
    }
    socket.send(&json!({"type": "ping"})).await;
    frames.extend(numbered_until(socket, "pong").await);
    frames
}

async fn a_resume_gives_events_of_unknown_kinds(store: StoreKind) {
    let fixture = Fixture::new(store, NEVER).await;
    let expected = fixture.write_unknown().await;
    let room = &fixture.room;
    for person in [&fixture.ada, &fixture.grace] {
        let mut one = person.listen(&format!("{}?after_seq=0", room.socket)).await;
        assert_eq!(numbered_until(&mut one, "resumed").await, expected);
        let mut held = person.listen("/ws?hold=1").await;
        for after in 0..expected.len() {
            held.send(&json!({"type": "resume", "conversations": {&room.id: after}})).await;
            assert_eq!(numbered_until(&mut held, "resumed").await, expected[after..]);
        }
    }
    let mut sockets =
        [fixture.ada.listen(&format!("{}?after_seq=1", room.socket)).await, fixture.grace.listen("/ws").await];
    let sent = fixture.new_message(&fixture.ada.say(room, "still here").await);
    assert_eq!(sent["seq"], 7);
    assert_eq!(numbered(&mut sockets[0], std::slice::from_ref(&sent)).await[5..], std::slice::from_ref(&sent)[..]);
    assert_eq!(numbered(&mut sockets[1], std::slice::from_ref(&sent)).await, [sent]);
}

async fn a_send_behind_unknown_events_is_answered_and_delivered_after_them(store: StoreKind) {
    let fixture = Fixture::new(store, NEVER).await;
    let Fixture { newer, ada, grace, room, .. } = &fixture;
    let mut hers = ada.listen(&room.socket).await;
    let mut theirs = [grace.listen(&room.socket).await, grace.listen("/ws").await];
    let mut expected = fixture.write_unknown().await.split_off(1);

    // Over a WebSocket its own event is the acknowledgement.
    hers.send(&json!({"type": "message.send", "id": Uuid::now_v7(), "content": "by frame"})).await;
    let acknowledged = hers.next_of(&["message.new", "error"]).await;
    assert_eq!((&acknowledged["type"], &acknowledged["seq"]), (&json!("message.new"), &json!(7)), "{acknowledged}");
    expected.push(acknowledged);
    newer.change(room, "message.pinned", Some(7), Some(&json!({"user_id": ada.id}))).await;
    expected.push(json!({
        "type": "message.pinned", "conversation_id": room.id, "seq": 8, "user_id": ada.id,
        "message": expected.last().unwrap()["message"],
    }));
    let sent = ada.say(room, "by request").await;
    assert_eq!(sent["seq"], 9);
    expected.push(fixture.new_message(&sent));
    for socket in &mut theirs {
        assert_eq!(numbered(socket, &expected).await, expected);
    }
    // The frames before the acknowledgement were read over.
    assert_eq!(numbered(&mut hers, &expected).await, expected[6..]);
    let mut again = ada.listen(&format!("{}?after_seq=1", room.socket)).await;
    assert_eq!(numbered_until(&mut again, "resumed").await, expected);
}

async fn a_heartbeat_finds_unknown_events_that_nothing_follows(store: StoreKind) {
    let fixture = Fixture::new(store, SOON).await;
    let Fixture { ada, grace, room, .. } = &fixture;
    let mut sockets = [ada.listen(&room.socket).await, ada.listen("/ws").await, grace.listen("/ws").await];
    let expected = fixture.write_unknown().await.split_off(1);
    for socket in &mut sockets {
        assert_eq!(numbered(socket, &expected).await, expected);
    }
}

async fn history_shows_unknown_notes_and_fields(store: StoreKind) {
    let fixture = Fixture::new(store, NEVER).await;
    let Fixture { newer, grace, room, hello, .. } = &fixture;
    let frames = fixture.write_unknown().await;
    let (hello, note) = (pinned(hello.clone()), frames[5]["message"].clone());
    for query in ["", "?after_seq=0", "?before_seq=7", "?around_seq=3"] {
        let page = grace.get(&format!("{}{query}", room.messages)).await.expect(200).json();
        assert_eq!((&page["items"], &page["last_seq"]), (&json!([hello, note]), &json!(6)), "{query}");
    }
    let latest = async || {
        let listed = grace.get("/v1/conversations").await.expect(200).json()["items"][0].take();
        let shown = grace.get(&room.path).await.expect(200).json();
        assert_eq!((&listed["id"], &listed["last_seq"]), (&json!(room.id), &shown["last_seq"]));
        assert_eq!(listed["last_message"], shown["last_message"]);
        listed["last_message"].clone()
    };
    assert_eq!(latest().await, note);
    newer.pin(room, &note["seq"]).await;
    assert_eq!(latest().await, pinned(note));
}

async fn unknown_fields_survive_an_edit(store: StoreKind) {
    let fixture = Fixture::new(store, NEVER).await;
    let Fixture { newer, ada, grace, room, hello, .. } = &fixture;
    newer.pin(room, &hello["seq"]).await;
    let mut socket = grace.listen(&room.socket).await;
    let retry = json!({"id": hello["id"], "content": "hello"});
    assert_eq!(ada.post(&room.messages, &retry).await.expect(200).json(), pinned(hello.clone()));

    let path = format!("{}/{}", room.messages, hello["id"].as_str().unwrap());
    let edited = ada.patch(&path, &json!({"content": "hello, all"})).await.expect(200).json();
    let mut expected = pinned(hello.clone());
    expected["content"] = json!("hello, all");
    expected["edited_at"] = edited["edited_at"].clone();
    assert!(edited["edited_at"].is_string(), "{edited}");
    assert_eq!(edited, expected);
    let event = socket.next_of(&["message.updated"]).await;
    assert_eq!((&event["seq"], &event["message"]), (&json!(2), &expected));
    assert_eq!(grace.get(&room.messages).await.expect(200).json()["items"], json!([expected]));
    let mut replay = grace.listen(&format!("{}?after_seq=0", room.socket)).await;
    let frames = numbered_until(&mut replay, "resumed").await;
    assert_eq!(frames.iter().map(|frame| &frame["message"]).collect::<Vec<_>>(), [&expected, &expected]);
}
