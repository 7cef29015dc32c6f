//! A real Citus.

use std::time::Duration;

use futures_util::future::join_all;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::support::citus::{Citus, empty};
use crate::support::client::{Conversation, PASSWORD, TestUser, post};
use crate::support::node::Node;
use crate::support::operated::run;
use crate::support::postgres::connect;
use crate::support::server::{Server, StoreKind};
use crate::support::socket::{Socket, TEST_TIMEOUT};
use crate::tools::everything::{Used, url_of, use_everything};

/// Sends a message with these fields, and returns its number.
async fn sent(user: &TestUser, room: &Conversation, fields: &Value) -> i64 {
    user.post(&room.messages, fields).await.expect(201).json()["seq"].as_i64().unwrap()
}

fn contents(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|message| message["content"].as_str().unwrap()).collect()
}

async fn until_found(user: &TestUser, word: &str) {
    let found = async {
        let path = format!("/v1/search?q={word}");
        while user.get(&path).await.expect(200).json()["items"].as_array().unwrap().is_empty() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(TEST_TIMEOUT, found).await.expect("the message is found");
}

/// Uses everything that a server stores, on the database of a node.
async fn used(mut node: Node) -> (Node, Used) {
    node.start().await;
    let used = use_everything(&node).await;
    node.signal(Signal::TERM);
    assert!(node.ended().await.success());
    (node, used)
}

async fn assert_clean(url: &str) {
    let ended = run(url, "", &["check"]).await;
    assert!(ended.succeeded && ended.stdout.starts_with("The database has no faults ("), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_stored_copied_and_checked_on_its_workers() {
    let Some(citus) = Citus::alone().await else {
        eprintln!("CHINWAG_TEST_CITUS_URL is not set, so no Citus is tested");
        return;
    };
    let url = citus.url.clone();
    for _ in 0..2 {
        let ended = run(&url, "", &["migrate", "--distribute"]).await;
        assert!(ended.succeeded, "{ended:?}");
    }
    let distributed = "SELECT count(*) FROM pg_dist_partition WHERE partmethod = 'h'";
    let distributed: i64 = connect(&url).await.query_one(distributed, &[]).await.unwrap().get(0);
    assert_eq!(usize::try_from(distributed), Ok(super::reach::distributed_tables().len()));

    let (_, Used { ada, room, .. }) = used(Node::with(&["--database-url", &url])).await;
    assert_clean(&url).await;
    let damage = format!(
        "INSERT INTO saved_messages VALUES ('{}', '{}', gen_random_uuid(), now()); DELETE FROM counters WHERE conversation_id = '{}'",
        ada.id, room.id, room.id
    );
    connect(&url).await.batch_execute(&damage).await.unwrap();
    let ended = run(&url, "", &["check"]).await;
    let found =
        ["counters.missing: ", "saved_messages.message_id: "].map(|name| format!("{name}conversation {}", room.id));
    assert!(ended.code == Some(1) && found.iter().all(|line| ended.stdout.contains(line)), "{ended:?}");

    empty(&url).await;
    let (source, _) = used(Node::on(StoreKind::Sqlite).await).await;
    let copied = run(&url, "", &["copy", "--from", &url_of(&source)]).await;
    assert!(copied.succeeded && copied.stdout.contains("The database has no faults ("), "{copied:?}");
    conversations_live_on_its_workers(&url).await;
    assert_clean(&url).await;
}

/// Eight users create groups, add each other, block each other and rename themselves at once: Citus deadlocks some forms of inserts into copied tables.
#[tokio::test(flavor = "multi_thread")]
async fn many_write_to_its_copied_tables_at_once() {
    let Some(citus) = Citus::alone().await else { return };
    let server = Server::with(&["--database-url", &citus.url, "--rate-limits", "off"]).await;
    let users = join_all((0..8).map(async |number| server.register(&format!("user{number}")).await)).await;
    let work = users.iter().enumerate().map(async |(index, user)| {
        let [next, later] = [1, 2].map(|step| &users[(index + step) % users.len()]);
        for round in 0..4 {
            let room = user.group("Citus", &[next]).await;
            user.post(&room.members, &json!({"user_id": later.id})).await.expect(201);
            user.patch("/v1/users/me", &json!({"name": format!("name {round}")})).await.expect(200);
            let block = format!("/v1/users/{}/block", users[(index + 4) % users.len()].id);
            user.put(&block).await.expect(204);
            user.delete(&block).await.expect(204);
        }
    });
    join_all(work).await;
    assert_clean(&citus.url).await;
}

async fn conversations_live_on_its_workers(url: &str) {
    let server = Server::with(&["--database-url", url, "--rate-limits", "off"]).await;
    let unique = Uuid::now_v7().simple().to_string()[20..].to_owned();
    let register = async |name: &str| server.register(&format!("{name}-{unique}")).await;
    let (ada, bob, cat) = (register("ada").await, register("bob").await, register("cat").await);
    let room = ada.group("Citus", &[&bob]).await;
    let direct = ada.direct(&bob).await;
    let mut socket = bob.connect(&room.socket).await;

    for _ in 0..2 {
        let renewed = post(server.address, "/v1/users/refresh", &json!({"refresh_token": cat.refresh_token})).await;
        renewed.expect(200);
    }
    let ticket = cat.post("/v1/tickets", &json!({})).await.expect(201).json();
    let path = format!("/ws?ticket={}", ticket["ticket"].as_str().unwrap());
    assert_eq!(Socket::open(server.address, &path, &[]).await.unwrap().next().await["type"], "hello");
    let phone = TestUser::login(server.address, &format!("cat-{unique}")).await;
    let sessions = phone.get("/v1/users/me/sessions").await.expect(200).json();
    assert_eq!(sessions["items"].as_array().unwrap().len(), 2, "{sessions}");
    let new_password = json!({"password": "another password", "current_password": PASSWORD});
    cat.patch("/v1/users/me", &new_password).await.expect(200);
    assert_eq!(phone.get("/v1/users/me").await.problem(), (401, "session_ended".to_owned()));

    let id = Uuid::now_v7().to_string();
    assert_eq!(sent(&ada, &room, &json!({"id": id, "content": format!("word{unique}")})).await, 1);
    let again = ada.post(&room.messages, &json!({"id": id, "content": "again"})).await.expect(200).json();
    assert_eq!(again["seq"], 1, "a retry is the message that is there");
    assert_eq!(cat.post(&room.messages, &json!({"content": "let me in"})).await.status, 404);
    let answer = json!({"content": format!("@bob-{unique} look"), "reply_to": id});
    let answer = ada.post(&room.messages, &answer).await.expect(201).json();
    assert_eq!((&answer["seq"], &answer["quote"]["seq"]), (&json!(2), &json!(1)), "{answer}");
    assert_eq!(answer["mentions"], json!([bob.id]), "{answer}");
    assert_eq!(sent(&bob, &direct, &json!({"content": "hello"})).await, 1);

    let message = format!("{}/{id}", room.messages);
    ada.patch(&message, &json!({"content": format!("word{unique}, edited")})).await.expect(200);
    bob.put(&format!("{message}/reactions/%F0%9F%91%8D")).await.expect(204);
    ada.put(&format!("{message}/pin")).await.expect(204);
    ada.post(&room.members, &json!({"user_id": cat.id})).await.expect(201);
    ada.delete(&format!("{}/{}", room.members, bob.id)).await.expect(204);
    let seqs: Vec<i64> = socket.next_seqs(6).await;
    assert_eq!(seqs, [1, 2, 3, 4, 5, 6], "what happens live");

    let history = cat.get(&room.messages).await.expect(200).json();
    assert_eq!(contents(&history)[0], format!("word{unique}, edited"));
    assert_eq!(history["last_seq"], 7);
    let mut resumed = cat.connect(&format!("{}?after_seq=0", room.socket)).await;
    assert_eq!(resumed.next_seqs(7).await, [1, 2, 3, 4, 5, 6, 7], "what a client that was away receives");

    let list = ada.get("/v1/conversations").await.expect(200).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 2, "{list}");
    assert_eq!(list["items"][0]["last_seq"], 7, "{list}");
    ada.read(&direct, 1).await.expect(204);
    until_found(&ada, &format!("word{unique}")).await;
    ada.delete(&room.path).await.expect(204);
    assert_eq!(cat.get(&room.messages).await.status, 404);
    server.stopped().await;
}
