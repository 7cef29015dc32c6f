//! Deletions of accounts.

use std::time::Duration;

use chinwag::domain::account::Tombstone;
use chinwag::domain::user::{Name, User, Username};
use chinwag::domain::{Timestamp, UserId};
use chinwag::limits;
use chinwag::store::{Deletions, Users};
use serde_json::{Value, json};
use tokio::time::{Instant, interval};

use super::{each, refused_fields};
use crate::support::client::{Conversation, PASSWORD, TestUser, post};
use crate::support::operated::Operated;
use crate::support::server::{Server, StoreKind};
use crate::support::socket::TEST_TIMEOUT;

on_each_store! {
    a_user_deletes_their_account,
    an_owner_hands_over_to_the_senior_admin_or_member,
    an_admin_and_a_command_delete_users,
    a_deletion_is_finished_after_a_restart,
    a_deletion_does_not_wait_behind_others,
    system_messages_name_no_deleted_user,
}

/// Waits until a conversation has this many members, and returns them.
async fn members(user: &TestUser, room: &Conversation, count: usize) -> Value {
    let (deadline, mut pause) = (Instant::now() + TEST_TIMEOUT, interval(Duration::from_millis(50)));
    loop {
        pause.tick().await;
        let members = user.get(&room.members).await.expect(200).json();
        if members["items"].as_array().unwrap().len() == count {
            return members;
        }
        assert!(Instant::now() < deadline, "{members}");
    }
}

async fn delete_me(user: &TestUser, body: Value) -> crate::support::client::Response {
    user.try_call(hyper::Method::DELETE, "/v1/users/me", Some(&body)).await.unwrap()
}

async fn a_user_deletes_their_account(store: StoreKind) {
    let chinwag = Operated::on(store, &[]).await;
    let (ada, grace) = (chinwag.server.register("Ada").await, chinwag.server.register("grace").await);
    let elsewhere = TestUser::login(ada.address, "ada").await;
    let (direct, group) = (ada.direct(&grace).await, grace.group("Lunch", &[&ada]).await);
    ada.send(&direct, "from me to you").await;
    ada.send(&group, "to all").await;
    for (body, field) in
        [(json!({}), "password"), (json!({"password": "wrong"}), "password"), (json!({"password": 7}), "password")]
    {
        assert_eq!(refused_fields(&delete_me(&ada, body.clone()).await), [field], "{body}");
    }
    let mut socket = elsewhere.connect("/ws").await;
    let mut hers = grace.connect(&group.socket).await;
    delete_me(&ada, json!({"password": PASSWORD})).await.expect(204);

    assert_eq!(socket.until("a frame that never comes").await.1, Some(4504));
    for session in [&ada, &elsewhere] {
        assert_eq!(session.get("/v1/users/me").await.problem(), (401, "session_ended".to_owned()));
    }
    let login = json!({"username": "ada", "password": PASSWORD});
    assert_eq!(post(ada.address, "/v1/users/login", &login).await.problem().1, "bad_credentials");
    // The names are gone, and the messages stay.
    let left = grace.get(&format!("/v1/users/{}", ada.id)).await.expect(200).json();
    assert_eq!((&left["name"], &left["last_seen_at"]), (&json!("Deleted user"), &Value::Null));
    assert!(left["username"].as_str().unwrap().starts_with("deleted-"), "{left}");
    assert_eq!(each(&grace.get("/v1/users").await.json(), "/username"), ["grace"]);
    for q in ["ada", "deleted"] {
        assert_eq!(grace.get(&format!("/v1/users?q={q}")).await.json()["items"], json!([]), "{q}");
    }
    let history = grace.get(&direct.messages).await.expect(200).json();
    assert_eq!(
        (&history["items"][0]["content"], &history["items"][0]["sender_id"]),
        (&json!("from me to you"), &json!(ada.id))
    );
    assert_eq!(grace.get(&direct.path).await.expect(200).json()["peer"], left);

    // The departure from the group is a numbered event.
    let event = hers.next_of(&["member.removed"]).await;
    assert_eq!((&event["message"]["content"], &event["seq"]), (&json!("Deleted user left"), &json!(2)));
    assert_eq!(each(&members(&grace, &group, 1).await, "/user/username"), ["grace"]);

    // Nobody gets the username, and nobody adds the deleted user.
    for username in ["Ada", "ada", "ADA"] {
        assert_eq!(chinwag.try_register(username, json!({})).await.problem().1, "username_taken", "{username}");
    }
    assert!(chinwag.refused(&["user", "add", "ada"]).await.contains("taken"));
    let added = grace.post(&group.members, &json!({"user_id": ada.id})).await;
    assert_eq!(refused_fields(&added), ["user_id"]);
    for body in [
        json!({"type": "group", "name": "x", "member_ids": [ada.id]}),
        json!({"type": "direct", "member_ids": [ada.id]}),
    ] {
        let answer = grace.post("/v1/conversations", &body).await;
        assert!(
            body["type"] == "direct" && answer.status == 200 || refused_fields(&answer) == ["member_ids"],
            "{body}"
        );
    }
}

async fn an_owner_hands_over_to_the_senior_admin_or_member(store: StoreKind) {
    let chinwag = Operated::on(store, &["--rate-limits", "off"]).await;
    let [ada, grace, joan, lin] = [
        chinwag.server.register("ada").await,
        chinwag.server.register("grace").await,
        chinwag.server.register("joan").await,
        chinwag.server.register("lin").await,
    ];
    // Joined in this order: joan, then grace as an admin, then lin as an admin.
    let with_admins = ada.group("Admins", &[&joan]).await;
    for user in [&grace, &lin] {
        ada.post(&with_admins.members, &json!({"user_id": user.id, "role": "admin"})).await.expect(201);
    }
    let without = ada.group("Members", &[]).await;
    for user in [&lin, &joan] {
        ada.post(&without.members, &json!({"user_id": user.id})).await.expect(201);
    }
    let alone = ada.group("Alone", &[]).await;
    delete_me(&ada, json!({"password": PASSWORD})).await.expect(204);
    let roles = |members: &Value| -> Vec<(Value, Value)> {
        each(members, "/user/username").into_iter().zip(each(members, "/role")).collect()
    };
    let pair = |username: &str, role: &str| (json!(username), json!(role));
    let expected = [pair("grace", "owner"), pair("joan", "member"), pair("lin", "admin")];
    assert_eq!(roles(&members(&joan, &with_admins, 3).await), expected, "the senior admin");
    assert_eq!(
        roles(&members(&joan, &without, 2).await),
        [pair("joan", "member"), pair("lin", "owner")],
        "the senior member"
    );
    let history = joan.get(&without.messages).await.json();
    let texts = each(&history, "/content");
    assert_eq!(texts[texts.len() - 2..], ["Deleted user made Lin the owner", "Deleted user left"]);
    // A group without members is gone.
    let store = chinwag::store::open(&chinwag.url).await.unwrap();
    let id = chinwag::domain::ConversationId::parse(&alone.id).unwrap();
    let (deadline, mut pause) = (Instant::now() + TEST_TIMEOUT, interval(Duration::from_millis(50)));
    while store.conversation(id).await.unwrap().is_some() {
        assert!(Instant::now() < deadline);
        pause.tick().await;
    }
}

async fn an_admin_and_a_command_delete_users(store: StoreKind) {
    let chinwag = Operated::on(store, &[]).await;
    let root = chinwag.admin("root").await;
    let (ada, grace) = (chinwag.server.register("ada").await, chinwag.server.register("grace").await);
    let lunch = root.group("Lunch", &[&ada, &grace]).await;
    let mut socket = ada.connect("/ws").await;
    let path = |user: &TestUser| format!("/v1/admin/users/{}", user.id);
    root.delete(&path(&ada)).await.expect(204);
    assert_eq!(socket.until("a frame that never comes").await.1, Some(4504));
    assert_eq!(root.delete(&path(&ada)).await.problem(), (404, "not_found".to_owned()));
    assert_eq!(root.patch(&path(&ada), &json!({"disabled": false})).await.status, 404);
    assert_eq!(root.delete(&path(&root)).await.problem(), (403, "forbidden".to_owned()));
    members(&root, &lunch, 2).await;

    let mut socket = grace.connect("/ws").await;
    let since = std::time::Instant::now();
    chinwag.command(&["user", "delete", "GRACE"]).await;
    assert_eq!(socket.until("a frame that never comes").await.1, Some(4504));
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
    assert_eq!(each(&members(&root, &lunch, 1).await, "/user/username"), ["root"]);
    assert_eq!(each(&root.get("/v1/admin/users").await.json(), "/username"), ["root"]);
    assert!(chinwag.refused(&["user", "delete", "grace"]).await.contains("no such user"));
    assert!(chinwag.refused(&["user", "enable", "grace"]).await.contains("no such user"));
}

async fn a_deletion_is_finished_after_a_restart(store: StoreKind) {
    let chinwag = Operated::on(store, &[]).await;
    let (ada, grace) = (chinwag.server.register("ada").await, chinwag.server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let (url, folder, grace_id) = (chinwag.url.clone(), chinwag.stopped().await, grace.id.clone());
    let ended = crate::support::operated::run(&url, "", &["user", "delete", "ada"]).await;
    assert!(ended.succeeded, "{ended:?}");
    let server = crate::support::server::Server::with(&["--database-url", &url]).await;
    let grace = TestUser::login(server.address, "grace").await;
    assert_eq!(grace.id, grace_id);
    let members = members(&grace, &room, 1).await;
    assert_eq!(
        (each(&members, "/user/username"), each(&members, "/role")),
        (vec![json!("grace")], vec![json!("owner")])
    );
    drop(folder);
}

async fn a_deletion_does_not_wait_behind_others(store: StoreKind) {
    let (server, held_store) = Server::held(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = grace.group("Lunch", &[&ada]).await;
    let mut socket = grace.connect("/ws").await;
    let now = Timestamp::now();
    for number in 0..=limits::DEPARTURES_AT_ONCE_MAX {
        let (id, name) = (UserId::new(), format!("user{number}"));
        let (username, name) = (Username::parse(&name).unwrap(), Name::parse(&name).unwrap());
        held_store
            .insert_user(&User { id, username, name, created_at: now, last_seen_at: None }, "hash")
            .await
            .unwrap();
        held_store.delete_user(id, &Tombstone::new(), now).await.unwrap().unwrap();
    }
    let since = Instant::now();
    delete_me(&ada, json!({"password": PASSWORD})).await.expect(204);
    assert_eq!(socket.next_of(&["member.removed"]).await["conversation_id"], room.id);
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
}

async fn system_messages_name_no_deleted_user(store: StoreKind) {
    const EVENTS: [&str; 5] =
        ["message.new", "member.added", "member.updated", "member.removed", "conversation.updated"];
    let chinwag = Operated::on(store, &["--rate-limits", "off"]).await;
    let (ada, grace) = (chinwag.server.register("ada").await, chinwag.server.register("grace").await);
    let joan = chinwag.server.register("joan").await;
    let room = ada.group("Lunch", &[]).await;
    ada.post(&room.members, &json!({"user_id": grace.id, "role": "admin"})).await.expect(201);
    grace.post(&room.members, &json!({"user_id": joan.id})).await.expect(201);
    grace.patch(&room.path, &json!({"name": "Dinner"})).await.expect(200);
    grace.send(&room, "Grace was here").await;
    ada.patch(&format!("{}/{}", room.members, grace.id), &json!({"role": "member"})).await.expect(200);
    ada.delete(&format!("{}/{}", room.members, grace.id)).await.expect(204);
    let view = ada.get(&room.path).await.json();
    assert_eq!(view["last_message"]["content"], "Ada removed Grace");
    delete_me(&grace, json!({"password": PASSWORD})).await.expect(204);

    let expected = [
        "Ada added Deleted user",
        "Deleted user added Joan",
        "Deleted user named the conversation “Dinner”",
        "Grace was here",
        "Ada made Deleted user a member",
        "Ada removed Deleted user",
    ];
    let history = ada.get(&room.messages).await.json();
    assert_eq!(each(&history, "/content"), expected);
    assert_eq!(ada.get(&room.path).await.json()["last_message"]["content"], expected[5]);
    let list = ada.get("/v1/conversations").await.json();
    assert_eq!(each(&list, "/last_message/content"), [expected[5]]);
    let mut socket = joan.open(&format!("{}?after_seq=0", room.socket)).await;
    for content in expected {
        assert_eq!(socket.next_of(&EVENTS).await["message"]["content"], content);
    }
}
