//! Operations over WebSocket.

mod parity;
mod waiting;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::client::TestUser;
use crate::support::postgres::database;
use crate::support::server::{Server, StoreKind};
use crate::support::socket::Socket;
use chinwag::limits::REPLY_BYTES_MAX;

on_each_store! {
    a_retry_of_a_send_gets_200_and_the_same_message,
    a_connection_that_is_not_subscribed_gets_its_replies,
    an_input_names_no_other_conversation_than_its_frame_or_its_connection,
    a_page_fits_into_a_reply,
}

/// Calls an operation. Returns the frames before the answer, and the answer.
async fn call(
    socket: &mut Socket,
    operation: &str,
    conversation_id: Option<&str>,
    input: Value,
) -> (Vec<Value>, Value) {
    let mut frame = json!({"type": operation, "ref": operation, "input": input});
    if let Some(id) = conversation_id {
        frame["conversation_id"] = json!(id);
    }
    socket.send(&frame).await;
    let mut before = Vec::new();
    loop {
        let frame = socket.next().await;
        if frame["type"] == "reply" || frame["type"] == "error" {
            assert_eq!(frame["ref"], operation, "{frame}");
            return (before, frame);
        }
        before.push(frame);
    }
}

/// Returns the body of a reply, and checks its status.
#[track_caller]
fn body((_, reply): (Vec<Value>, Value), status: u16) -> Value {
    assert_eq!((&reply["type"], &reply["status"]), (&json!("reply"), &json!(status)), "{reply}");
    reply["body"].clone()
}

async fn a_retry_of_a_send_gets_200_and_the_same_message(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let mut socket = ada.connect(&room.socket).await;
    let send = json!({"id": Uuid::now_v7(), "content": "once"});
    let first = body(call(&mut socket, "message.send", None, send.clone()).await, 201);
    assert_eq!((&first["content"], &first["id"]), (&json!("once"), &send["id"]));
    let (before, reply) = call(&mut socket, "message.send", None, send.clone()).await;
    assert_eq!((before, &reply["status"], &reply["body"]), (Vec::new(), &json!(200), &first), "no event of its own");
    assert_eq!(ada.post(&room.messages, &send).await.expect(200).json(), first);
    assert_eq!(ada.get(&room.path).await.expect(200).json()["last_seq"], 1);
}

async fn a_connection_that_is_not_subscribed_gets_its_replies(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let mut held = ada.connect("/ws?hold=1").await;
    let input = json!({"name": "Dinner"});
    let (before, reply) = call(&mut held, "conversation.update", Some(&room.id), input).await;
    assert!(before.iter().all(|frame| frame["seq"].is_null()), "it is silent until it is resumed: {before:?}");
    assert_eq!((&reply["status"], &reply["body"]["name"]), (&json!(200), &json!("Dinner")));
    let sent = body(call(&mut held, "message.send", Some(&room.id), json!({"content": "hi"})).await, 201);
    assert_eq!(sent["seq"], 2);
    held.send(&json!({"type": "resume", "conversations": {&room.id: 0}})).await;
    assert_eq!(held.next_seqs(2).await, [1, 2], "the events come when it is resumed");
}

async fn an_input_names_no_other_conversation_than_its_frame_or_its_connection(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let (room, other) = (ada.group("Lunch", &[&grace]).await, ada.group("Dinner", &[&grace]).await);
    let (mut all, mut one) = (ada.connect("/ws").await, ada.connect(&room.socket).await);
    let of_other = || json!({"conversation_id": other.id});
    let got = async |socket: &mut Socket, conversation_id, input| {
        body(call(socket, "conversation.get", conversation_id, input).await, 200)["id"].clone()
    };
    let same = json!({"conversation_id": room.id});
    assert_eq!(got(&mut all, Some(&*room.id), same.clone()).await, *room.id);
    assert_eq!(got(&mut all, None, of_other()).await, *other.id);
    assert_eq!(got(&mut one, None, same.clone()).await, *room.id);
    assert_eq!(got(&mut one, Some(&*room.id), same).await, *room.id);
    for socket in [&mut all, &mut one] {
        for input in [of_other(), json!({"conversation_id": 7}), json!({"conversation_id": "x"})] {
            let (_, refused) = call(socket, "conversation.delete", Some(&*room.id), input).await;
            let expected = (&json!("invalid"), &json!("conversation_id"));
            assert_eq!((&refused["code"], &refused["errors"][0]["field"]), expected, "{refused}");
        }
    }
    let (_, refused) = call(&mut one, "conversation.get", Some(&other.id), json!({})).await;
    assert_eq!((&refused["code"], &refused["errors"][0]["field"]), (&json!("invalid"), &json!("conversation_id")));
    assert_eq!(refused["conversation_id"], *room.id, "the conversation of the connection");
}

async fn a_page_fits_into_a_reply(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    // The list contains the last message of each conversation.
    let long = "x".repeat(16 * 1024);
    let mut rooms = Vec::new();
    for number in 0..18 {
        let room = ada.group(&number.to_string(), &[&grace]).await;
        ada.send(&room, &long).await;
        rooms.insert(0, room.id);
    }
    let mut socket = grace.connect("/ws").await;
    let (mut listed, mut cursor) = (Vec::new(), Value::Null);
    for is_last in [false, true] {
        let page = body(call(&mut socket, "conversation.list", None, json!({"cursor": cursor})).await, 200);
        assert!(page.to_string().len() <= REPLY_BYTES_MAX);
        listed.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        cursor = page["next"].clone();
        assert_eq!(cursor.is_null(), is_last, "{cursor}");
    }
    assert_eq!(listed, rooms);

    let room = ada.direct(&grace).await;
    for _ in 0..18 {
        ada.send(&room, &long).await;
    }
    let page = body(call(&mut socket, "message.list", Some(&room.id), json!({})).await, 200);
    assert!(page.to_string().len() <= REPLY_BYTES_MAX);
    let (items, rest) = (page["items"].as_array().unwrap(), json!({"before_seq": page["items"][0]["seq"]}));
    assert_eq!((items.last().unwrap()["seq"].as_i64(), &page["has_more"]), (Some(18), &json!(true)));
    let rest = body(call(&mut socket, "message.list", Some(&room.id), rest).await, 200);
    assert_eq!(rest["items"].as_array().unwrap().len() + items.len(), 18);
    assert_eq!(rest["has_more"], false);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_ended_elsewhere_ends_the_connection_with_its_next_operation() {
    let (url, secret) = (database().await, "one secret for all the nodes there are");
    let arguments = ["--database-url", url.as_str(), "--jwt-secret", secret, "--rate-limits", "off"];
    let (here, there) = (Server::with(&arguments).await, Server::with(&arguments).await);
    let ada = here.register("ada").await;
    let mut socket = ada.connect("/ws").await;
    body(call(&mut socket, "me.get", None, json!({})).await, 200);
    TestUser { address: there.address, ..ada }.post("/v1/users/logout", &json!({})).await.expect(204);
    // The session cache has the session as valid for some more seconds, and the node learns of its end only by these calls.
    let code = loop {
        socket.try_send(&json!({"type": "me.get", "input": {}})).await;
        let (frames, code) = socket.until("reply").await;
        if code.is_some() {
            assert!(frames.iter().all(|frame| frame["type"] != "error"), "the close says it: {frames:?}");
            break code;
        }
    };
    assert_eq!(code, Some(4504));
}
