//! Users choose what they are notified of. Their devices learn of it, and nobody else does.

use std::time::Duration;

use chinwag::domain::Timestamp;
use hyper::Method;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::refused_fields;
use crate::support::client::{Conversation, TestUser};
use crate::support::server::{Server, StoreKind};
use crate::support::socket::{Socket, TEST_TIMEOUT};

on_each_store! {
    a_choice_is_its_members_own,
    a_choice_ends_at_its_time,
    every_member_and_nobody_else_chooses,
    a_choice_ends_with_the_membership,
    the_devices_of_the_user_alone_are_told_of_a_choice,
    who_is_not_to_be_disturbed_says_until_when,
}

fn path(room: &Conversation) -> String {
    format!("{}/notifications", room.path)
}

async fn choose(user: &TestUser, room: &Conversation, choice: Value) {
    assert!(user.put_json(&path(room), &choice).await.expect(204).body.is_empty());
}

/// Returns `notifications` and `muted` of a conversation, by itself and in the list.
async fn shown(user: &TestUser, room: &Conversation) -> Value {
    let of = |view: &Value| json!([view["notifications"]["level"], view["notifications"]["until"], view["muted"]]);
    let one = of(&user.get(&room.path).await.expect(200).json());
    let list = user.get("/v1/conversations").await.expect(200).json();
    let listed = list["items"].as_array().unwrap().iter().find(|item| item["id"] == room.id).unwrap();
    assert_eq!(of(listed), one);
    one
}

fn after(duration: Duration) -> String {
    Timestamp::now().plus(duration).to_string()
}

async fn a_choice_is_its_members_own(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let (room, other) = (ada.group("Lunch", &[&grace]).await, ada.direct(&grace).await);
    let all = json!(["all", null, false]);
    assert_eq!(shown(&ada, &room).await, all);
    choose(&ada, &room, json!({"level": "mentions"})).await;
    assert_eq!(shown(&ada, &room).await, json!(["mentions", null, false]));
    let noon = "2999-12-31T12:00:00Z";
    choose(&ada, &room, json!({"level": "none", "until": "2999-12-31T13:00:00+01:00"})).await;
    assert_eq!(shown(&ada, &room).await, json!(["none", noon, true]));
    choose(&ada, &other, json!({"level": "none", "until": null})).await;
    assert_eq!(shown(&ada, &other).await, json!(["none", null, true]));
    ada.send(&room, "hello").await;
    grace.send(&room, "hello").await;
    ada.read(&room, 2).await.expect(204);
    assert_eq!(shown(&ada, &room).await, json!(["none", noon, true]), "neither a send nor a read changes it");
    assert_eq!((shown(&grace, &room).await, shown(&grace, &other).await), (all.clone(), all.clone()));
    choose(&ada, &room, json!({"level": "all"})).await;
    assert_eq!(shown(&ada, &room).await, all);
}

async fn a_choice_ends_at_its_time(store: StoreKind) {
    let server = Server::on(store).await;
    let ada = server.register("ada").await;
    let room = ada.group("Lunch", &[]).await;
    choose(&ada, &room, json!({"level": "none", "until": after(Duration::from_millis(300))})).await;
    let all = json!(["all", null, false]);
    let over = async {
        while ada.get(&room.path).await.expect(200).json()["notifications"]["level"] != "all" {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(TEST_TIMEOUT, over).await.expect("it is over");
    assert_eq!(shown(&ada, &room).await, all);
    choose(&ada, &room, json!({"level": "none", "until": "1999-12-31T12:00:00Z"})).await;
    assert_eq!(shown(&ada, &room).await, all, "a time that is over is over at once");
}

async fn every_member_and_nobody_else_chooses(store: StoreKind) {
    let server = Server::on(store).await;
    let owner = server.register("owner1").await;
    let (admin, member) = (server.register("admin1").await, server.register("member1").await);
    let (eve, lin) = (server.register("eve").await, server.register("lin").await);
    let room = owner.group("Lunch", &[&admin, &member, &lin]).await;
    owner.patch(&format!("{}/{}", room.members, admin.id), &json!({"role": "admin"})).await.expect(200);
    lin.delete(&format!("{}/{}", room.members, lin.id)).await.expect(204);
    let choice = json!({"level": "mentions"});
    for (user, status) in [(&owner, 204), (&admin, 204), (&member, 204), (&eve, 404), (&lin, 404)] {
        user.put_json(&path(&room), &choice).await.expect(status);
        let mut socket = user.connect("/ws").await;
        let input = json!({"level": "none"});
        socket
            .send(&json!({"type": "notifications.update", "ref": "r", "conversation_id": room.id, "input": input}))
            .await;
        assert_eq!(socket.next_of(&["reply", "error"]).await["status"], status);
    }
    let nowhere = format!("/v1/conversations/{}/notifications", owner.id);
    assert_eq!(owner.put_json(&nowhere, &choice).await.problem(), (404, "not_found".to_owned()));
    let nobody = TestUser { token: "x".to_owned(), ..eve.clone() };
    assert_eq!(nobody.put_json(&path(&room), &choice).await.problem().0, 401);
    assert_eq!(owner.try_call(Method::POST, &path(&room), Some(&choice)).await.unwrap().problem().0, 405);
    let both = owner.put_json(&path(&room), &json!({"level": "loud", "until": "soon"})).await;
    assert_eq!(refused_fields(&both), ["level", "until"]);
    assert_eq!(shown(&owner, &room).await, json!(["none", null, true]));
}

async fn a_choice_ends_with_the_membership(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    choose(&grace, &room, json!({"level": "none"})).await;
    ada.delete(&format!("{}/{}", room.members, grace.id)).await.expect(204);
    ada.post(&room.members, &json!({"user_id": grace.id})).await.expect(201);
    assert_eq!(shown(&grace, &room).await, json!(["all", null, false]));
}

/// Returns `notifications` of the next `conversation.state`.
async fn told(socket: &mut Socket) -> Value {
    socket.next_of(&["conversation.state"]).await["notifications"].clone()
}

async fn the_devices_of_the_user_alone_are_told_of_a_choice(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let (room, other) = (ada.group("Lunch", &[&grace]).await, ada.group("Dinner", &[&grace]).await);
    ada.send(&room, "hello").await;
    let mut devices =
        [grace.connect("/ws").await, grace.connect("/ws?hold=1").await, grace.connect(&room.socket).await];
    let (mut elsewhere, mut adas) = (grace.connect(&other.socket).await, ada.connect("/ws").await);
    for _ in 0..2 {
        choose(&grace, &room, json!({"level": "mentions", "until": "2999-12-31T12:00:00Z"})).await;
    }
    choose(&grace, &room, json!({"level": "none"})).await;
    for device in &mut devices {
        let state = device.next_of(&["conversation.state"]).await;
        assert_eq!((&state["unread_count"], &state["last_seq"]), (&json!(1), &json!(1)), "{state}");
        assert_eq!(state["notifications"], json!({"level": "mentions", "until": "2999-12-31T12:00:00Z"}));
        assert_eq!(told(device).await, json!({"level": "none", "until": null}), "the same again is told to nobody");
    }
    grace.read(&room, 1).await.expect(204);
    for device in &mut devices {
        assert_eq!(told(device).await, json!({"level": "none", "until": null}), "a read shows it as it is");
    }
    elsewhere.assert_silent(&["conversation.state"]).await;
    adas.assert_silent(&["conversation.state"]).await;
}

async fn who_is_not_to_be_disturbed_says_until_when(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    ada.direct(&grace).await;
    let (mut device, mut graces) = (ada.connect("/ws").await, grace.connect("/ws").await);
    let set = async |until: Value| {
        let answer = ada.patch("/v1/users/me", &json!({"settings": {"do_not_disturb_until": until}})).await.expect(200);
        let me = answer.json();
        assert_eq!(ada.get("/v1/users/me").await.expect(200).json()["settings"], me["settings"]);
        me["settings"].clone()
    };
    let settings = set(json!("2999-12-31T12:00:00Z")).await;
    assert_eq!(settings["do_not_disturb_until"], "2999-12-31T12:00:00Z");
    assert_eq!(device.next_of(&["settings.updated"]).await, json!({"type": "settings.updated", "settings": settings}));
    ada.patch("/v1/users/me", &json!({"settings": {"show_last_seen": false}})).await.expect(200);
    let told = device.next_of(&["settings.updated"]).await["settings"].clone();
    assert_eq!(
        (&told["show_last_seen"], &told["do_not_disturb_until"]),
        (&json!(false), &json!("2999-12-31T12:00:00Z"))
    );
    assert_eq!(set(json!("1999-12-31T12:00:00Z")).await["do_not_disturb_until"], Value::Null, "it is over");
    set(json!("2999-12-31T12:00:00Z")).await;
    assert_eq!(set(Value::Null).await["do_not_disturb_until"], Value::Null);
    for bad in [json!("tomorrow"), json!(7), json!({})] {
        let refused = ada.patch("/v1/users/me", &json!({"settings": {"do_not_disturb_until": bad}})).await;
        assert_eq!(refused_fields(&refused), ["settings.do_not_disturb_until"], "{bad}");
    }
    let both = json!({"settings": {"do_not_disturb_until": "", "contact_from": ""}});
    let refused = refused_fields(&ada.patch("/v1/users/me", &both).await);
    assert_eq!(refused, ["settings.contact_from", "settings.do_not_disturb_until"]);
    ada.patch("/v1/users/me", &json!({"name": "Countess", "settings": {}})).await.expect(200);
    for _ in 0..3 {
        device.next_of(&["settings.updated"]).await;
    }
    device.assert_silent(&["settings.updated"]).await;
    graces.assert_silent(&["settings.updated"]).await;
    let seen = grace.get(&format!("/v1/users/{}", ada.id)).await.expect(200).json();
    assert!(seen.get("settings").is_none(), "{seen}");
}
