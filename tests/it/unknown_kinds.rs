//! A newer version writes to the same database: a node passes on the kinds of events and the fields that it does not know.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use crate::support::client::{Conversation, TestUser};
use crate::support::postgres::{connect, database};
use crate::support::server::{Server, StoreKind};
use crate::support::socket::Socket;

on_each_store! {
    a_resume_gives_events_of_unknown_kinds,
    a_send_behind_unknown_events_is_answered_and_delivered_after_them,
    a_heartbeat_finds_unknown_events_that_nothing_follows,
    an_unknown_event_about_a_join_or_a_leave_repeats_neither,
    history_shows_unknown_notes_and_fields,
    unknown_fields_survive_an_edit,
}

/// Short, so that tests do not wait long.
const SOON: Duration = Duration::from_millis(200);
/// Longer than any test.
const NEVER: Duration = Duration::from_secs(3_600);
/// A field of messages that this version does not know.
const STARRED_AT: &str = "2031-05-06T07:08:09.000010Z";

/// A node of a newer version, simulated by rows in the database. The node of this version learns of them from the database alone.
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

    /// Returns an id as the database writes it.
    fn id(&self, id: &str) -> String {
        match self {
            Self::Sqlite(_) => format!("x'{}'", id.replace('-', "")),
            Self::Postgres(_) => format!("'{id}'::uuid"),
        }
    }

    /// Takes the conversation's next number and inserts a row with it, in one transaction. `columns` and `values` are the others,
    /// besides the conversation and the number.
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

    /// Inserts a system message with the time of the latest message.
    async fn note(&self, room: &Conversation, kind: &str, note: &Value) {
        let [id, sender_id] = ["id", "sender_id"].map(|field| self.id(note[field].as_str().unwrap()));
        let user_id = self.id(note["system"]["user_id"].as_str().unwrap());
        let content = text(note["content"].as_str().unwrap());
        let values = format!("{id}, {sender_id}, {content}, active_at, '{kind}', {user_id}, 'for an hour'");
        let columns = "id, sender_id, content, timestamp, note_kind, note_user_id, note_value";
        self.insert(room, "messages", columns, &values).await;
    }

    /// Stars a message, in a field of its own.
    async fn star(&self, room: &Conversation, seq: &Value) {
        let (id, extra) = (self.id(&room.id), text(&json!({"starred_at": STARRED_AT}).to_string()));
        self.execute(&format!("UPDATE messages SET extra = {extra} WHERE conversation_id = {id} AND seq = {seq}"))
            .await;
    }
}

/// Returns a text as an SQL literal.
fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Returns the content of a starred message's field.
fn starred(mut message: Value) -> Value {
    message["starred_at"] = json!(STARRED_AT);
    message
}

/// A node of this version, and the newer version's access to its store.
struct Fixture {
    server: Server,
    newer: NewerNode,
    ada: TestUser,
    grace: TestUser,
    room: Conversation,
    /// The first message of the group.
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
        let (ada, grace) = (server.register("ada").await, server.register("grace").await);
        let room = ada.group("Lunch", &[&grace]).await;
        let hello = ada.send(&room, "hello").await;
        Self { server, newer, ada, grace, room, hello, _folder: folder }
    }

    /// Returns the system message that the newer version wrote.
    fn note(&self) -> Value {
        json!({
            "id": Uuid::now_v7(), "conversation_id": self.room.id, "seq": 6, "sender_id": self.ada.id, "type": "system",
            "content": "Ada muted Grace's \"voice\"", "reply_to": null, "timestamp": self.hello["timestamp"],
            "edited_at": null, "deleted_at": null, "reactions": [], "status": "sent",
            "system": {"kind": "member.muted", "user_id": self.grace.id},
        })
    }

    /// Writes a row of each kind. Returns the frames of all events, from the first message on.
    async fn write_unknown(&self) -> Vec<Value> {
        let Self { newer, room, .. } = self;
        let hello = starred(self.hello.clone());
        let note = self.note();
        newer.star(room, &hello["seq"]).await;
        let starring = json!({"message_id": hello["id"], "user_id": self.grace.id});
        newer.change(room, "message.starred", Some(1), Some(&starring)).await;
        let archive = json!({"until": null, "by": {"user_id": self.ada.id, "reason": "it's \"over\" \\ 👋"}});
        newer.change(room, "conversation.archived", None, Some(&archive)).await;
        newer.change(room, "conversation.restored", None, None).await;
        newer.change(room, "message.translated", Some(1), None).await;
        newer.note(room, "member.muted", &note).await;
        let frames = [
            json!({"type": "message.new", "message": hello}),
            json!({"type": "message.starred", "message": hello, "message_id": hello["id"], "user_id": self.grace.id}),
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

    /// Returns the frame of a new message.
    fn new_message(&self, message: &Value) -> Value {
        json!({"type": "message.new", "conversation_id": self.room.id, "seq": message["seq"], "message": message})
    }
}

/// Returns the numbered frames up to one of this type.
async fn numbered_until(socket: &mut Socket, last: &str) -> Vec<Value> {
    let (frames, closed) = socket.until(last).await;
    assert_eq!(closed, None, "{frames:#?}");
    frames.into_iter().filter(|frame| frame["seq"].is_i64()).collect()
}

/// Returns the numbered frames up to the last expected one, and wrong ones after it.
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
    for user in [&fixture.ada, &fixture.grace] {
        let mut one = user.connect(&format!("{}?after_seq=0", room.socket)).await;
        assert_eq!(numbered_until(&mut one, "resumed").await, expected);
        let mut held = user.connect("/ws?hold=1").await;
        for after in 0..expected.len() {
            held.send(&json!({"type": "resume", "conversations": {&room.id: after}})).await;
            assert_eq!(numbered_until(&mut held, "resumed").await, expected[after..]);
        }
    }
    let mut sockets =
        [fixture.ada.connect(&format!("{}?after_seq=1", room.socket)).await, fixture.grace.connect("/ws").await];
    let sent = fixture.new_message(&fixture.ada.send(room, "still here").await);
    assert_eq!(sent["seq"], 7);
    assert_eq!(numbered(&mut sockets[0], std::slice::from_ref(&sent)).await[5..], std::slice::from_ref(&sent)[..]);
    assert_eq!(numbered(&mut sockets[1], std::slice::from_ref(&sent)).await, [sent]);
}

async fn a_send_behind_unknown_events_is_answered_and_delivered_after_them(store: StoreKind) {
    let fixture = Fixture::new(store, NEVER).await;
    let Fixture { newer, ada, grace, room, .. } = &fixture;
    let mut hers = ada.connect(&room.socket).await;
    let mut theirs = [grace.connect(&room.socket).await, grace.connect("/ws").await];
    let mut expected = fixture.write_unknown().await.split_off(1);

    // Over a WebSocket, the event is the acknowledgement.
    hers.send(&json!({"type": "message.send", "id": Uuid::now_v7(), "content": "by frame"})).await;
    let acknowledged = hers.next_of(&["message.new", "error"]).await;
    assert_eq!((&acknowledged["type"], &acknowledged["seq"]), (&json!("message.new"), &json!(7)), "{acknowledged}");
    expected.push(acknowledged);
    newer.change(room, "message.starred", Some(7), Some(&json!({"user_id": ada.id}))).await;
    expected.push(json!({
        "type": "message.starred", "conversation_id": room.id, "seq": 8, "user_id": ada.id,
        "message": expected.last().unwrap()["message"],
    }));
    let sent = ada.send(room, "by request").await;
    assert_eq!(sent["seq"], 9);
    expected.push(fixture.new_message(&sent));
    for socket in &mut theirs {
        assert_eq!(numbered(socket, &expected).await, expected);
    }
    // The frames before the acknowledgement were skipped.
    assert_eq!(numbered(&mut hers, &expected).await, expected[6..]);
    let mut again = ada.connect(&format!("{}?after_seq=1", room.socket)).await;
    assert_eq!(numbered_until(&mut again, "resumed").await, expected);
}

async fn a_heartbeat_finds_unknown_events_that_nothing_follows(store: StoreKind) {
    let fixture = Fixture::new(store, SOON).await;
    let Fixture { ada, grace, room, .. } = &fixture;
    let mut sockets = [ada.connect(&room.socket).await, ada.connect("/ws").await, grace.connect("/ws").await];
    let expected = fixture.write_unknown().await.split_off(1);
    for socket in &mut sockets {
        assert_eq!(numbered(socket, &expected).await, expected);
    }
}

async fn an_unknown_event_about_a_join_or_a_leave_repeats_neither(store: StoreKind) {
    let fixture = Fixture::new(store, NEVER).await;
    let Fixture { newer, ada, grace, room, .. } = &fixture;
    let joan = fixture.server.register("joan").await;
    let add = async |user: &TestUser| ada.post(&room.members, &json!({"user_id": user.id})).await.expect(201);
    let remove = async |user: &TestUser| ada.delete(&format!("{}/{}", room.members, user.id)).await.expect(204);
    add(&joan).await;
    remove(&joan).await;
    remove(grace).await;
    add(grace).await;
    let mut removed = joan.connect("/ws").await;
    let mut stays = [grace.connect(&room.socket).await, grace.connect("/ws").await];
    newer.change(room, "message.starred", Some(2), None).await;
    newer.change(room, "message.starred", Some(4), None).await;
    assert_eq!(ada.send(room, "still here").await["seq"], 8);
    for socket in &mut stays {
        assert_eq!(socket.next_seqs(3).await, [6, 7, 8]);
    }
    removed.send(&json!({"type": "ping"})).await;
    let (frames, closed) = removed.until("pong").await;
    assert_eq!(
        (frames.iter().filter(|frame| frame["conversation_id"] == *room.id).count(), closed),
        (0, None),
        "{frames:?}"
    );
}

async fn history_shows_unknown_notes_and_fields(store: StoreKind) {
    let fixture = Fixture::new(store, NEVER).await;
    let Fixture { newer, grace, room, hello, .. } = &fixture;
    let frames = fixture.write_unknown().await;
    let (hello, note) = (starred(hello.clone()), frames[5]["message"].clone());
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
    newer.star(room, &note["seq"]).await;
    assert_eq!(latest().await, starred(note));
}

async fn unknown_fields_survive_an_edit(store: StoreKind) {
    let fixture = Fixture::new(store, NEVER).await;
    let Fixture { newer, ada, grace, room, hello, .. } = &fixture;
    newer.star(room, &hello["seq"]).await;
    let mut socket = grace.connect(&room.socket).await;
    let retry = json!({"id": hello["id"], "content": "hello"});
    assert_eq!(ada.post(&room.messages, &retry).await.expect(200).json(), starred(hello.clone()));

    let path = format!("{}/{}", room.messages, hello["id"].as_str().unwrap());
    let edited = ada.patch(&path, &json!({"content": "hello, all"})).await.expect(200).json();
    let mut expected = starred(hello.clone());
    expected["content"] = json!("hello, all");
    expected["edited_at"] = edited["edited_at"].clone();
    assert!(edited["edited_at"].is_string(), "{edited}");
    assert_eq!(edited, expected);
    let event = socket.next_of(&["message.updated"]).await;
    assert_eq!((&event["seq"], &event["message"]), (&json!(2), &expected));
    assert_eq!(grace.get(&room.messages).await.expect(200).json()["items"], json!([expected]));
    let mut replay = grace.connect(&format!("{}?after_seq=0", room.socket)).await;
    let frames = numbered_until(&mut replay, "resumed").await;
    assert_eq!(frames.iter().map(|frame| &frame["message"]).collect::<Vec<_>>(), [&expected, &expected]);
}
