//! Reading and marking as unread: what the lists show, and to whom.

use hyper::Method;
use serde_json::{Value, json};

use super::{each, refused_fields};
use crate::support::client::{Conversation, TestUser};
use crate::support::postgres::database;
use crate::support::server::{Server, StoreKind};

on_each_store! {
    what_was_read_is_not_unread,
    reading_goes_neither_back_nor_beyond_the_end,
    a_mark_goes_back_and_is_seen_by_its_user_alone,
    every_member_and_nobody_else_reads,
    a_read_is_in_the_answers_of_every_node,
    a_message_is_read_when_all_others_have_read_it,
    who_switches_receipts_off_shows_none_and_sees_none,
    between_blocked_users_no_receipt_moves,
}

/// Returns `read_seq`, `unread_from_seq` and `unread_count` of a conversation, by itself and in the list.
async fn shown(user: &TestUser, room: &Conversation) -> Value {
    let of = |view: &Value| json!([view["read_seq"], view["unread_from_seq"], view["unread_count"]]);
    let one = of(&user.get(&room.path).await.expect(200).json());
    let list = user.get("/v1/conversations").await.expect(200).json();
    let listed = list["items"].as_array().unwrap().iter().find(|item| item["id"] == room.id).unwrap();
    assert_eq!(of(listed), one);
    one
}

async fn mark(user: &TestUser, room: &Conversation, from_seq: i64) {
    user.put_json(&format!("{}/unread", room.path), &json!({"from_seq": from_seq})).await.expect(204);
}

async fn what_was_read_is_not_unread(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let first = ada.send(&room, "one").await;
    for text in ["two", "three"] {
        ada.send(&room, text).await;
    }
    assert_eq!(shown(&grace, &room).await, json!([0, null, 3]));
    grace.read(&room, 1).await.expect(204);
    assert_eq!(shown(&grace, &room).await, json!([1, null, 2]));
    grace.read(&room, 3).await.expect(204);
    assert_eq!(shown(&grace, &room).await, json!([3, null, 0]));

    let path = format!("{}/{}", room.messages, first["id"].as_str().unwrap());
    ada.patch(&path, &json!({"content": "one, edited"})).await.expect(200);
    ada.patch(&room.path, &json!({"name": "Dinner"})).await.expect(200);
    ada.delete(&path).await.expect(204);
    assert_eq!(shown(&grace, &room).await, json!([3, null, 0]), "changes and system messages are not unread");
    ada.send(&room, "four").await;
    assert_eq!(shown(&grace, &room).await, json!([3, null, 1]));
    grace.send(&room, "five").await;
    assert_eq!(shown(&grace, &room).await, json!([8, null, 0]), "a send reads what was before it");
}

async fn reading_goes_neither_back_nor_beyond_the_end(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    grace.read(&room, 7).await.expect(204);
    assert_eq!(shown(&grace, &room).await, json!([0, null, 0]), "there is nothing yet");
    for text in ["one", "two", "three"] {
        ada.send(&room, text).await;
    }
    grace.read(&room, 2).await.expect(204);
    grace.read(&room, 1).await.expect(204);
    grace.read(&room, 0).await.expect(204);
    assert_eq!(shown(&grace, &room).await, json!([2, null, 1]));
    grace.read(&room, i64::MAX).await.expect(204);
    assert_eq!(shown(&grace, &room).await, json!([3, null, 0]));
    ada.send(&room, "four").await;
    assert_eq!(shown(&grace, &room).await, json!([3, null, 1]), "it read no message that came later");
    assert_eq!(refused_fields(&grace.read(&room, -1).await), ["seq"]);
}

async fn a_mark_goes_back_and_is_seen_by_its_user_alone(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    for text in ["one", "two", "three"] {
        ada.send(&room, text).await;
    }
    grace.read(&room, 3).await.expect(204);
    mark(&grace, &room, 2).await;
    assert_eq!(shown(&grace, &room).await, json!([3, 2, 2]));
    ada.send(&room, "four").await;
    assert_eq!(shown(&grace, &room).await, json!([3, 2, 3]));
    assert_eq!(shown(&ada, &room).await, json!([4, null, 0]));
    let members = ada.get(&room.members).await.expect(200).json();
    assert_eq!(each(&members, "/read_seq"), [4, 3], "the receipts stay");
    mark(&grace, &room, i64::MAX).await;
    assert_eq!(shown(&grace, &room).await, json!([3, 4, 1]));
    mark(&grace, &room, 0).await;
    assert_eq!(shown(&grace, &room).await, json!([3, 1, 4]));
    grace.read(&room, 1).await.expect(204);
    assert_eq!(shown(&grace, &room).await, json!([3, null, 1]), "any read takes it away");
    mark(&grace, &room, 1).await;
    grace.send(&room, "five").await;
    assert_eq!(shown(&grace, &room).await, json!([5, null, 0]), "and so does a send");
}

async fn every_member_and_nobody_else_reads(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace, joan) =
        (server.register("ada").await, server.register("grace").await, server.register("joan").await);
    let (eve, lin) = (server.register("eve").await, server.register("lin").await);
    let room = ada.group("Lunch", &[&grace, &joan, &lin]).await;
    let role = json!({"role": "admin"});
    ada.patch(&format!("{}/{}", room.members, joan.id), &role).await.expect(200);
    ada.send(&room, "hello").await;
    lin.delete(&format!("{}/{}", room.members, lin.id)).await.expect(204);
    for rest in ["read", "unread"] {
        let (path, body) = (format!("{}/{rest}", room.path), json!({"seq": 1, "from_seq": 1}));
        for member in [&ada, &joan, &grace] {
            member.put_json(&path, &body).await.expect(204);
        }
        for stranger in [&eve, &lin] {
            let refused = stranger.put_json(&path, &body).await;
            assert_eq!(refused.problem(), (404, "not_found".to_owned()), "{rest}");
        }
        let nowhere = format!("/v1/conversations/{}/{rest}", ada.id);
        assert_eq!(ada.put_json(&nowhere, &body).await.problem(), (404, "not_found".to_owned()));
        let nobody = TestUser { token: "x".to_owned(), ..eve.clone() };
        assert_eq!(nobody.put_json(&path, &body).await.problem().0, 401);
        let wrong = ada.try_call(Method::POST, &path, Some(&body)).await.unwrap();
        assert_eq!(wrong.problem().0, 405);
    }
}

async fn a_read_is_in_the_answers_of_every_node(store: StoreKind) {
    let folder = tempfile::tempdir().unwrap();
    let url = match store {
        StoreKind::Sqlite => format!("sqlite:{}", folder.path().join("shared.db").display()),
        StoreKind::Postgres => database().await,
    };
    let arguments = ["--database-url", url.as_str(), "--jwt-secret", "one secret for all the nodes there are"];
    let (here, there) = (Server::with(&arguments).await, Server::with(&arguments).await);
    let (ada, grace) = (here.register("ada").await, here.register("grace").await);
    let room = ada.direct(&grace).await;
    let elsewhere = TestUser { address: there.address, ..grace.clone() };
    for seq in 1..=5 {
        ada.send(&room, "hello").await;
        let (reader, other) = if seq % 2 == 0 { (&grace, &elsewhere) } else { (&elsewhere, &grace) };
        reader.read(&room, seq).await.expect(204);
        for user in [reader, other] {
            assert_eq!(shown(user, &room).await, json!([seq, null, 0]));
        }
    }
}

/// Returns the status of each message, as this user sees it.
async fn statuses(user: &TestUser, room: &Conversation) -> Vec<Value> {
    each(&user.get(&room.messages).await.expect(200).json(), "/status")
}

/// Returns how far the members have read, as this user sees it, by username.
async fn read_seqs(user: &TestUser, room: &Conversation) -> Vec<Value> {
    each(&user.get(&room.members).await.expect(200).json(), "/read_seq")
}

async fn a_message_is_read_when_all_others_have_read_it(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace, joan) =
        (server.register("ada").await, server.register("grace").await, server.register("joan").await);
    let room = ada.group("Lunch", &[&grace, &joan]).await;
    for text in ["one", "two"] {
        ada.send(&room, text).await;
    }
    grace.read(&room, 2).await.expect(204);
    assert_eq!(statuses(&ada, &room).await, ["sent", "sent"]);
    joan.read(&room, 1).await.expect(204);
    assert_eq!(statuses(&ada, &room).await, ["read", "sent"]);
    assert_eq!(statuses(&grace, &room).await, ["sent", "sent"], "receipts are for one's own messages");
    grace.put_json(&format!("{}/unread", room.path), &json!({"from_seq": 1})).await.expect(204);
    joan.read(&room, 2).await.expect(204);
    assert_eq!(statuses(&ada, &room).await, ["read", "read"], "a mark takes nothing back");
    let lin = server.register("lin").await;
    ada.post(&room.members, &json!({"user_id": lin.id})).await.expect(201);
    ada.send(&room, "three").await;
    assert_eq!(statuses(&ada, &room).await, ["read", "read", "sent", "sent"], "a new member starts at the end");
    joan.delete(&format!("{}/{}", room.members, joan.id)).await.expect(204);
    for reader in [&grace, &lin] {
        reader.read(&room, 5).await.expect(204);
    }
    assert_eq!(statuses(&ada, &room).await[3], "read", "of those who are there");
}

async fn switch_receipts(user: &TestUser, send_receipts: bool) {
    let update = json!({"settings": {"send_receipts": send_receipts}});
    let me = user.patch("/v1/users/me", &update).await.expect(200).json();
    assert_eq!(me["settings"]["send_receipts"], send_receipts);
    assert_eq!(user.get("/v1/users/me").await.expect(200).json()["settings"], me["settings"]);
}

async fn who_switches_receipts_off_shows_none_and_sees_none(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace, joan) =
        (server.register("ada").await, server.register("grace").await, server.register("joan").await);
    let room = ada.group("Lunch", &[&grace, &joan]).await;
    ada.send(&room, "one").await;
    grace.send(&room, "two").await;
    for reader in [&ada, &grace, &joan] {
        reader.read(&room, 2).await.expect(204);
    }
    assert_eq!(read_seqs(&ada, &room).await, [2, 2, 2]);
    assert_eq!(
        (statuses(&ada, &room).await, statuses(&grace, &room).await),
        (vec![json!("read"), json!("sent")], vec![json!("sent"), json!("read")])
    );

    switch_receipts(&grace, false).await;
    for other in [&ada, &joan] {
        assert_eq!(read_seqs(other, &room).await, [json!(2), Value::Null, json!(2)]);
    }
    assert_eq!(read_seqs(&grace, &room).await, [Value::Null, json!(2), Value::Null], "she sees her own alone");
    let delivered = each(&ada.get(&room.members).await.expect(200).json(), "/delivered_seq");
    assert_eq!(delivered, [2, 2, 2]);
    assert_eq!(statuses(&ada, &room).await, ["delivered", "sent"]);
    assert_eq!(statuses(&grace, &room).await, ["sent", "delivered"]);
    assert_eq!(shown(&grace, &room).await, json!([2, null, 0]), "her own read state goes on");
    let admin = json!({"role": "admin"});
    let updated = ada.patch(&format!("{}/{}", room.members, grace.id), &admin).await.expect(200).json();
    assert_eq!((&updated["read_seq"], &updated["delivered_seq"]), (&Value::Null, &json!(2)));

    ada.send(&room, "four").await;
    grace.read(&room, 4).await.expect(204);
    switch_receipts(&grace, true).await;
    assert_eq!(read_seqs(&ada, &room).await, [4, 4, 2]);
    for bad in [json!("no"), json!(0), json!({})] {
        let refused = grace.patch("/v1/users/me", &json!({"settings": {"send_receipts": bad}})).await;
        assert_eq!(refused_fields(&refused), ["settings.send_receipts"], "{bad}");
    }
    grace.patch("/v1/users/me", &json!({"settings": {"send_receipts": null}})).await.expect(200);
    assert_eq!(read_seqs(&ada, &room).await, [4, 4, 2]);
}

/// Returns both receipts of the members, as this user sees them, by username.
async fn receipts(user: &TestUser, room: &Conversation) -> Vec<Value> {
    let members = user.get(&room.members).await.expect(200).json();
    let both = each(&members, "/delivered_seq").into_iter().zip(each(&members, "/read_seq"));
    both.map(|(delivered, read)| json!([delivered, read])).collect()
}

async fn between_blocked_users_no_receipt_moves(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace, joan) =
        (server.register("ada").await, server.register("grace").await, server.register("joan").await);
    let (pair, trio) = (ada.direct(&grace).await, ada.group("Lunch", &[&joan]).await);
    ada.post(&trio.members, &json!({"user_id": grace.id})).await.expect(201);
    for room in [&pair, &trio] {
        for text in ["one", "two"] {
            ada.send(room, text).await;
        }
        grace.read(room, 2).await.expect(204);
    }
    grace.put(&format!("/v1/users/{}/block", ada.id)).await.expect(204);
    // Of the group, Grace has been a member since number 1.
    let (of, hidden, hidden_in_trio) = (|seq: i64| json!([seq, seq]), json!([0, null]), json!([1, null]));
    let mut joans_seq = 0;
    for seq in [2, 3] {
        for room in [&pair, &trio] {
            grace.read(room, 3).await.expect(204);
        }
        assert_eq!(receipts(&ada, &pair).await, [of(2), hidden.clone()]);
        assert_eq!(receipts(&grace, &pair).await, [hidden.clone(), of(2)]);
        assert_eq!(receipts(&ada, &trio).await, [of(3), hidden_in_trio.clone(), of(joans_seq)]);
        assert_eq!(receipts(&grace, &trio).await, [hidden.clone(), of(3), of(joans_seq)]);
        assert_eq!(receipts(&joan, &trio).await, [of(3), of(3), of(joans_seq)], "the others see both");
        assert_eq!(statuses(&ada, &pair).await, ["sent", "sent"], "nobody is left to receive them");
        assert_eq!(statuses(&ada, &trio).await[1], if joans_seq == 0 { "sent" } else { "read" }, "Joan alone counts");
        joan.read(&trio, seq).await.expect(204);
        joans_seq = seq;
    }
    let role = json!({"role": "admin"});
    let updated = ada.patch(&format!("{}/{}", trio.members, grace.id), &role).await.expect(200).json();
    assert_eq!((&updated["delivered_seq"], &updated["read_seq"]), (&json!(1), &Value::Null));

    grace.delete(&format!("/v1/users/{}/block", ada.id)).await.expect(204);
    assert_eq!(receipts(&ada, &pair).await, [of(2), of(2)]);
    assert_eq!(statuses(&ada, &pair).await, ["read", "read"]);
}
