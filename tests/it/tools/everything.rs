//! Uses everything that a server stores, so that every table has rows.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::client::{Conversation, PASSWORD, TestUser, post};
use crate::support::node::Node;
use crate::support::operated::run;

/// The users and conversations that a test goes on with.
pub(crate) struct Used {
    pub(crate) ada: TestUser,
    pub(crate) grace: TestUser,
    /// A group of Ada, its owner, and Grace. Its first message is a text that is neither pinned nor reacted to.
    pub(crate) room: Conversation,
    /// Of Ada and Grace.
    pub(crate) direct: Conversation,
}

/// Returns the URL of a node's database.
pub(crate) fn url_of(node: &Node) -> String {
    let given = node.arguments.iter().find(|argument| argument.starts_with("postgres://")).cloned();
    given.unwrap_or_else(|| format!("sqlite:{}", node.data().join("chinwag.db").display()))
}

/// Uses a running server.
pub(crate) async fn use_everything(node: &Node) -> Used {
    let (ada, grace, joan) = (node.register("ada").await, node.register("grace").await, node.register("joan").await);
    let room = ada.group("Lunch “at noon” 🍲", &[&grace, &joan]).await;
    let path = |message: &Value, rest: &str| format!("{}/{}{rest}", room.messages, message["id"].as_str().unwrap());
    let first = ada.send(&room, "quotes \" and ' and \\, a tab\t, two\nlines, 👩🏽‍🚀 é").await;
    let answer = json!({"content": "an answer to @ada and @joan", "reply_to": first["id"]});
    let second = grace.post(&room.messages, &answer).await.expect(201).json();
    for (user, emoji) in [(&ada, "%F0%9F%91%8D"), (&grace, "%F0%9F%91%8D"), (&joan, "%E2%9D%A4")] {
        user.put(&path(&second, &format!("/reactions/{emoji}"))).await.expect(204);
    }
    ada.put(&path(&second, "/pin")).await.expect(204);
    grace.put(&path(&first, "/saved")).await.expect(204);
    joan.put(&path(&second, "/saved")).await.expect(204);
    ada.send(&room, "@all listen").await;
    let edited = ada.send(&room, "soon changed").await;
    ada.patch(&path(&edited, ""), &json!({"content": "changed for @grace"})).await.expect(200);
    let gone = grace.send(&room, "soon gone").await;
    ada.put(&path(&gone, "/reactions/%E2%9D%A4")).await.expect(204);
    grace.delete(&path(&gone, "")).await.expect(204);
    let insult = joan.send(&room, "an insult").await;
    grace.post(&path(&insult, "/report"), &json!({"reason": "It is one."})).await.expect(204);
    ada.read(&room, 3).await.expect(204);
    ada.put_json(&format!("{}/unread", room.path), &json!({"from_seq": 2})).await.expect(204);
    grace.put_json(&format!("{}/notifications", room.path), &json!({"level": "none"})).await.expect(204);

    let direct = ada.direct(&grace).await;
    ada.send(&direct, "between us").await;
    let other = ada.direct(&joan).await;
    joan.send(&other, "hello").await;
    ada.put(&format!("/v1/users/{}/block", joan.id)).await.expect(204);
    let dinner = grace.group("Dinner", &[&ada]).await;
    ada.send(&dinner, "not hungry").await;
    ada.delete(&format!("{}/{}", dinner.members, ada.id)).await.expect(204);
    let short = grace.group("Breakfast", &[&ada]).await;
    grace.send(&short, "too late").await;
    grace.delete(&short.path).await.expect(204);

    let settings = json!({"settings": {"send_receipts": false, "show_last_seen": false}});
    joan.patch("/v1/users/me", &settings).await.expect(200);
    ada.post("/v1/tickets", &json!({})).await.expect(201);
    let leaver = node.register("mary").await;
    leaver.group("Alone", &[&grace]).await;
    leaver.send(&leaver.direct(&grace).await, "goodbye").await;
    let password = json!({"password": PASSWORD});
    let deleted = delete_me(&leaver, &password).await;
    assert_eq!(deleted, 204);

    let url = url_of(node);
    let grace_logged_in = TestUser::login(node.address, "grace").await;
    post(node.address, "/v1/users/refresh", &json!({"refresh_token": grace_logged_in.refresh_token})).await.expect(200);
    for command in [
        &["invite"][..],
        &["registration", "open"],
        &["user", "make-admin", "grace"],
        &["user", "quota", "grace", "--new-a-day", "77"],
        &["message", "remove", &room.id, insult["id"].as_str().unwrap()],
    ] {
        let ended = run(&url, "", command).await;
        assert!(ended.succeeded, "{command:?}: {ended:?}");
    }
    Used { ada, grace, room, direct }
}

async fn delete_me(user: &TestUser, body: &Value) -> u16 {
    user.try_call(hyper::Method::DELETE, "/v1/users/me", Some(body)).await.unwrap().status
}

/// Sends messages whose texts are long, which fill more than one batch of a copy.
pub(crate) async fn fill(user: &TestUser, room: &Conversation, messages: usize) {
    let text = "a long one ".repeat(1_300);
    for _ in 0..messages {
        let message = json!({"id": Uuid::now_v7(), "content": text});
        user.post(&room.messages, &message).await.expect(201);
    }
}
