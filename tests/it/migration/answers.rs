//! All responses of a server about the story: over REST, and in the frames of a resume from 0.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;

use serde_json::{Value, json};
use uuid::Uuid;

use super::story::{self, PEOPLE};
use crate::support::client::TestUser;
use crate::support::socket::Socket;

/// Sends the requests of every user of the story. Every socket stays open to the end, so that presence is the same each time and no
/// `last_seen_at` changes.
pub(super) async fn answers(address: SocketAddr) -> BTreeMap<String, Value> {
    let mut answers = BTreeMap::new();
    let mut readers = BTreeMap::new();
    for (username, _) in PEOPLE {
        let user = story::login(address, username).await;
        let mut request = async |path: &str| {
            let mut answer = user.get(path).await.expect(200).json();
            // Schema 14 added it.
            answer.as_object_mut().unwrap().remove("settings");
            // Schemas 18, 25 and 26 added them.
            for added in ["unread_from_seq", "notifications", "mention_count"] {
                answer.as_object_mut().unwrap().remove(added);
                for item in answer.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
                    item.as_object_mut().unwrap().remove(added);
                }
            }
            answers.insert(format!("{username} GET {path}"), answer.clone());
            answer
        };
        request("/v1/users/me").await;
        let listed = request("/v1/conversations?limit=200").await;
        for conversation in listed["items"].as_array().unwrap() {
            let id = conversation["id"].as_str().unwrap().to_owned();
            for rest in ["", "/members?limit=200", "/messages?after_seq=0&limit=200"] {
                request(&format!("/v1/conversations/{id}{rest}")).await;
            }
            readers.entry(id).or_insert(Vec::new()).push(user.clone());
        }
        if username == PEOPLE[0].0 {
            request("/v1/users?limit=200").await;
        }
    }
    // Events are the same for every member.
    let mut open = Vec::new();
    for (id, members) in readers {
        for (question, (frames, socket)) in [
            (format!("/ws/{id}?after_seq=0"), replay(&members[0], &id).await),
            (format!("/ws?hold=1 resume {id}"), resume(&members[members.len() - 1], &id).await),
        ] {
            answers.insert(question, frames);
            open.push(socket);
        }
    }
    answers
}

/// Returns the parts of a `hello` that are the same on every connection.
fn greeting(hello: &Value) -> Value {
    json!({"membership_version": hello["membership_version"], "conversation": hello["conversation"]})
}

/// Reads the whole replay on a connection to one conversation.
async fn replay(user: &TestUser, id: &str) -> (Value, Socket) {
    let mut socket = user.open(&format!("/ws/{id}?after_seq=0")).await;
    let mut frames = vec![greeting(&socket.next().await)];
    let (replayed, _) = socket.until("resumed").await;
    frames.extend(replayed.into_iter().filter(|frame| frame["seq"].is_i64()));
    (frames.into(), socket)
}

/// Resumes from 0 on a held connection. Returns the numbered events and `resumed`.
async fn resume(user: &TestUser, id: &str) -> (Value, Socket) {
    let mut socket = user.open("/ws?hold=1").await;
    let mut frames = vec![greeting(&socket.next().await)];
    socket.send(&json!({"type": "resume", "conversations": {id: 0}})).await;
    let (resumed, _) = socket.until("resumed").await;
    frames.extend(resumed.into_iter().filter(|frame| frame["seq"].is_i64() || frame["type"] == "resumed"));
    (frames.into(), socket)
}

/// Replaces the ids and times of one server: an id by the number of its first appearance, and a time by a constant.
pub(super) fn same_story(answers: &Value) -> Value {
    plain(answers, &mut HashMap::new())
}

fn plain(value: &Value, ids: &mut HashMap<Uuid, usize>) -> Value {
    let mut object = |(key, value): (&String, &Value)| {
        let is_time = (key.ends_with("_at") || key == "timestamp") && value.is_string();
        let key = plain_text(key, ids);
        (key, if is_time { json!("a time") } else { plain(value, ids) })
    };
    match value {
        Value::Object(members) => members.iter().map(&mut object).collect(),
        Value::Array(items) => items.iter().map(|item| plain(item, ids)).collect(),
        Value::String(text) => plain_text(text, ids).into(),
        other => other.clone(),
    }
}

/// Replaces ids in requests too.
fn plain_text(text: &str, ids: &mut HashMap<Uuid, usize>) -> String {
    let mut part = |part: &str| match part.parse() {
        Ok(id) => {
            let next = ids.len();
            format!("id {}", ids.entry(id).or_insert(next))
        }
        Err(_) => part.to_owned(),
    };
    text.split(['/', '?', ' ']).map(&mut part).collect::<Vec<_>>().join(" ")
}
