//! The same call has the same answer over REST, over `/ws` and over `/ws/{conversation_id}`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use chinwag::api::{Access, Body, OPERATIONS, Operation, Transports};
use hyper::Method;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::call;
use crate::support::client::{Conversation, Response, TestUser};
use crate::support::server::{Server, StoreKind};
use crate::support::socket::{Socket, TEST_TIMEOUT};

on_each_store! {
    every_operation_has_the_answer_of_rest_after_its_event,
    every_refusal_is_the_one_of_rest,
}

/// Returns the operations that are offered over WebSocket.
fn offered() -> impl Iterator<Item = &'static Operation> {
    OPERATIONS.iter().filter(|row| row.access == Access::User && row.transports == Transports::Both)
}

/// Calls an operation over REST. `input` has the parameters of the path and of the query or body.
async fn call_rest(user: &TestUser, operation: &Operation, mut input: Value) -> Response {
    let members = input.as_object_mut().unwrap();
    let segments: Vec<String> = operation
        .path
        .split('/')
        .map(|segment| match segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) => {
                let value = members.remove(name).unwrap();
                percent_encode(value.as_str().unwrap().as_bytes(), NON_ALPHANUMERIC).to_string()
            }
            None => segment.to_owned(),
        })
        .collect();
    let mut path = segments.join("/");
    if operation.body == Body::Empty {
        for (index, (name, value)) in members.iter().enumerate() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            path.push(if index == 0 { '?' } else { '&' });
            path += &[name, "=", &text].concat();
        }
    }
    let method = Method::from_bytes(operation.method.as_bytes()).unwrap();
    let body = (operation.body == Body::Json).then_some(&input);
    user.try_call(method, &path, body).await.unwrap()
}

#[test]
fn the_protocol_lists_every_operation() {
    let protocol = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/protocol.md");
    let protocol = fs::read_to_string(protocol).unwrap();
    let (_, section) = protocol.split_once("### Operations over WebSocket").unwrap();
    let (both, only_http) = section.split_once("These can be called over HTTP only").unwrap();
    for row in OPERATIONS {
        let listed = if row.transports == Transports::Both { both } else { only_http };
        let line = format!("\n| `{}` | `{} {}` | ", row.name, row.method, row.path);
        assert!(listed.contains(&line), "{line}");
    }
    let (section, _) = section.split_once("\n## ").unwrap();
    assert_eq!(section.matches("\n| `").count(), OPERATIONS.len(), "it lists no others");
}

/// Frames that come whenever they are due.
const ANY_TIME: [&str; 5] = ["heartbeat", "presence.diff", "presence.state", "message.read", "message.delivered"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Rest,
    /// `/ws`
    All,
    /// `/ws/{conversation_id}`
    One,
}

/// A server for one transport. The same calls are made on each.
struct Fixture {
    transport: Transport,
    _server: Server,
    ada: TestUser,
    grace: TestUser,
    joan: TestUser,
    all: Socket,
    /// Sockets that stay open, so that Ada is online to the end.
    ones: Vec<Socket>,
    /// The ids in the order of their first appearance.
    ids: Vec<String>,
}

/// A conversation for one operation.
struct Room {
    conversation: Conversation,
    message_id: String,
    /// The id of a message of another member.
    other_id: String,
}

impl Fixture {
    async fn new(store: StoreKind, transport: Transport) -> Self {
        let server = Server::on_with(store, &["--rate-limits", "off"]).await;
        let (ada, grace, joan) =
            (server.register("ada").await, server.register("grace").await, server.register("joan").await);
        let all = ada.connect("/ws").await;
        Self { transport, _server: server, ada, grace, joan, all, ones: Vec::new(), ids: Vec::new() }
    }

    async fn room(&mut self) -> Room {
        let conversation = self.ada.group("Lunch", &[&self.grace]).await;
        let message = self.ada.send(&conversation, "hello").await;
        let other = self.grace.send(&conversation, "hi").await;
        self.ones.push(self.ada.connect(&conversation.socket).await);
        // All events so far have been received.
        self.all.send(&json!({"type": "ping"})).await;
        self.all.next_of(&["pong"]).await;
        let [message_id, other_id] = [message, other].map(|message| message["id"].as_str().unwrap().to_owned());
        Room { conversation, message_id, other_id }
    }

    /// Returns an input of the operation, and the type of the event that it causes.
    fn example(&self, name: &str, room: &Room) -> (Value, Option<&'static str>) {
        let message_id = &room.message_id;
        let (mut input, event) = match name {
            "me.get" | "conversation.get" => (json!({}), None),
            "session.list" | "block.list" | "saved.list" => (json!({"limit": 1}), None),
            "user.list" => (json!({"q": "GRA", "limit": 1}), None),
            "user.get" => (json!({"user_id": self.grace.id}), None),
            "user.block" | "user.unblock" => (json!({"user_id": self.joan.id}), None),
            // Nobody but an owner stays in a group alone.
            "conversation.leave" => (json!({"conversation_ids": [room.conversation.id, self.ada.id]}), None),
            "conversation.create" => {
                let input = json!({"type": "group", "name": "Dinner", "member_ids": [self.grace.id]});
                (input, Some("conversation.created"))
            }
            "conversation.list" | "member.list" | "message.list" | "pin.list" => (json!({"limit": 2}), None),
            "message.search" => (json!({"q": "hello", "conversation_id": room.conversation.id}), None),
            "conversation.update" => (json!({"name": "Dinner"}), Some("conversation.updated")),
            "conversation.delete" => (json!({}), Some("conversation.deleted")),
            "member.add" => (json!({"user_id": self.joan.id, "role": "admin"}), Some("member.added")),
            "member.update" => (json!({"user_id": self.grace.id, "role": "admin"}), Some("member.updated")),
            "member.remove" => (json!({"user_id": self.grace.id}), Some("member.removed")),
            "message.send" => {
                let input = json!({"id": Uuid::now_v7(), "content": "hi", "type": "text", "reply_to": message_id});
                (input, Some("message.new"))
            }
            "message.edit" => (json!({"message_id": message_id, "content": "bye"}), Some("message.updated")),
            "message.delete" => (json!({"message_id": message_id}), Some("message.deleted")),
            "message.read" => (json!({"seq": 2}), Some("conversation.state")),
            "message.unread" => (json!({"from_seq": 2}), Some("conversation.state")),
            "message.save" => (json!({"message_id": message_id}), Some("message.saved")),
            "message.unsave" | "message.unpin" => (json!({"message_id": message_id}), None),
            "notifications.update" => (json!({"level": "mentions"}), Some("conversation.state")),
            "message.pin" => (json!({"message_id": message_id}), Some("message.pinned")),
            "reaction.list" => (json!({"message_id": message_id, "limit": 2}), None),
            "reaction.add" => (json!({"message_id": message_id, "emoji": "\u{1F44D}"}), Some("reactions.changed")),
            "reaction.clear" => (json!({"message_id": message_id, "emoji": "\u{1F389}"}), None),
            "reaction.remove" => (json!({"message_id": message_id, "emoji": "\u{1F44D}"}), None),
            "message.report" => (json!({"message_id": room.other_id, "reason": "rude"}), None),
            _ => panic!("{name} has no example here: it needs one"),
        };
        let takes_conversation =
            OPERATIONS.iter().any(|row| row.name == name && row.path.contains("{conversation_id}"));
        if takes_conversation {
            input["conversation_id"] = json!(room.conversation.id);
        }
        (input, event)
    }

    /// Waits until the messages of the room are found, a moment after their commit.
    async fn until_indexed(&self, search: &Operation, input: &Value) {
        let searching = async {
            while call_rest(&self.ada, search, input.clone()).await.json()["items"] == json!([]) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(TEST_TIMEOUT, searching).await.expect("the message is found");
    }

    /// Calls an operation over this transport. Returns `None` if the connection is closed without an answer.
    async fn call(&mut self, operation: &Operation, room: &Room) -> Option<(u16, Value)> {
        let (mut input, event) = self.example(operation.name, room);
        if operation.name == "message.search" {
            self.until_indexed(operation, &input).await;
        }
        if self.transport == Transport::Rest {
            let answer = call_rest(&self.ada, operation, input).await;
            return Some((answer.status, if answer.body.is_empty() { Value::Null } else { answer.json() }));
        }
        let id = input.as_object_mut().unwrap().remove("conversation_id");
        let ((before, reply), event) = match (self.transport, operation.name) {
            (Transport::One, "conversation.delete") => {
                let one = self.ones.last_mut().unwrap();
                one.send(&json!({"type": operation.name, "input": input})).await;
                assert_eq!(one.close_code().await, 4503, "its conversation is gone");
                return None;
            }
            (Transport::One, name) => {
                let event = event.filter(|event| *event != "conversation.created");
                (call(self.ones.last_mut().unwrap(), name, None, input).await, event)
            }
            (_, name) => (call(&mut self.all, name, id.as_ref().and_then(Value::as_str), input).await, event),
        };
        let events: Vec<&str> = before
            .iter()
            .map(|frame| frame["type"].as_str().unwrap())
            .filter(|kind| !ANY_TIME.contains(kind))
            .collect();
        assert_eq!(events, Vec::from_iter(event), "the events before the reply to {}", operation.name);
        let mut names: Vec<&String> = reply.as_object().unwrap().keys().collect();
        names.sort_unstable();
        assert_eq!(names, ["body", "ref", "status", "type"], "{reply}");
        assert_eq!(reply["type"], "reply", "{reply}");
        Some((u16::try_from(reply["status"].as_u64().unwrap()).unwrap(), reply["body"].clone()))
    }

    /// Replaces values that differ between servers: ids by their index, times, cursors.
    fn comparable(&mut self, value: Value) -> Value {
        match value {
            Value::Object(members) => Value::Object(
                members
                    .into_iter()
                    .map(|(name, value)| {
                        let is_time = name.ends_with("_at") || name == "timestamp";
                        let value = match value {
                            Value::String(_) if is_time => json!("a time"),
                            Value::String(_) if name == "next" => json!("a cursor"),
                            value => self.comparable(value),
                        };
                        (name, value)
                    })
                    .collect(),
            ),
            Value::Array(items) => items.into_iter().map(|item| self.comparable(item)).collect(),
            Value::String(text) if Uuid::parse_str(&text).is_ok() => {
                let known = self.ids.iter().position(|id| *id == text);
                let number = known.unwrap_or(self.ids.len());
                if known.is_none() {
                    self.ids.push(text);
                }
                json!(format!("id {number}"))
            }
            value => value,
        }
    }
}

async fn every_operation_has_the_answer_of_rest_after_its_event(store: StoreKind) {
    let (mut rest, mut all, mut one) = tokio::join!(
        Fixture::new(store, Transport::Rest),
        Fixture::new(store, Transport::All),
        Fixture::new(store, Transport::One)
    );
    for operation in offered() {
        let mut answers = Vec::new();
        for fixture in [&mut rest, &mut all, &mut one] {
            let room = fixture.room().await;
            let answer = fixture.call(operation, &room).await;
            answers.push(answer.map(|(status, body)| (status, fixture.comparable(body))));
        }
        let expected = answers[0].clone().unwrap();
        assert!((200..300).contains(&expected.0), "{}: {expected:?}", operation.name);
        for answer in answers.into_iter().skip(1).flatten() {
            assert_eq!(answer, expected, "{}", operation.name);
        }
    }
}

/// Returns the members that error frames and problems share.
fn problem(mut value: Value) -> Value {
    for name in ["type", "ref", "conversation_id", "request_id"] {
        value.as_object_mut().unwrap().remove(name);
    }
    value
}

async fn every_refusal_is_the_one_of_rest(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, eve) = (server.register("ada").await, server.register("eve").await);
    let room = ada.group("Lunch", &[]).await;
    let message = ada.send(&room, "hello").await;
    let mut socket = eve.connect("/ws").await;
    // Calls by Eve, who is not a member, and with unknown users; then calls with invalid values.
    let foreign = json!({"conversation_id": room.id, "message_id": message["id"], "user_id": Uuid::now_v7(), "name": "x",
                         "content": "x", "role": "member", "emoji": "\u{1F44D}", "seq": 1, "from_seq": 1, "level": "none"});
    let mut wrong = foreign.clone();
    for (name, value) in [
        ("type", json!("x")),
        ("limit", json!(0)),
        ("name", json!("")),
        ("content", json!("")),
        ("emoji", json!("x")),
        ("level", json!("x")),
    ] {
        wrong[name] = value;
    }
    for operation in offered() {
        let mut refusals = 0;
        for input in [&foreign, &wrong] {
            let answer = call_rest(&eve, operation, input.clone()).await;
            let (_, frame) = call(&mut socket, operation.name, None, input.clone()).await;
            assert_eq!(frame["status"], answer.status, "{}: {frame}", operation.name);
            if answer.status >= 400 {
                refusals += 1;
                assert_eq!(problem(frame), problem(answer.json()), "{}", operation.name);
            }
        }
        assert!(refusals > 0 || operation.name == "me.get", "{} refuses nothing", operation.name);
    }
}
