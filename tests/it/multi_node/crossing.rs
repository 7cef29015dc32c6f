//! Everything that crosses nodes does, each kind once, without the comparison of a heartbeat.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::{Cluster, NEVER, Setup};
use crate::support::bus::NetworkCondition;
use crate::support::client::{PASSWORD, TestUser, post};
use crate::support::operated::run;
use crate::support::socket::{Socket, TEST_TIMEOUT};

in_each_setup! {
    what_happens_in_a_conversation_is_seen_on_other_nodes,
    what_concerns_a_user_alone_reaches_their_devices_on_other_nodes,
    members_come_and_go_on_other_nodes,
    a_session_is_one_on_all_nodes,
    every_way_to_end_sessions_ends_them_on_other_nodes,
    an_operators_command_acts_on_all_nodes,
    what_one_node_indexed_is_found_on_another,
}

async fn what_happens_in_a_conversation_is_seen_on_other_nodes(setup: Setup) {
    let cluster = Cluster::new(setup, NetworkCondition::Reliable, NEVER).await;
    let (ada, grace) = (cluster.first.register("ada").await, cluster.first.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let hers = cluster.on_second(&grace);
    let mut sockets = [hers.connect("/ws").await, hers.connect(&room.socket).await];
    let message = ada.send(&room, "dinner").await;
    let path = format!("{}/{}", room.messages, message["id"].as_str().unwrap());
    ada.patch(&path, &json!({"content": "dinner?"})).await.expect(200);
    ada.put(&format!("{path}/reactions/%F0%9F%91%8D")).await.expect(204);
    ada.put(&format!("{path}/pin")).await.expect(204);
    ada.patch(&room.path, &json!({"name": "Supper"})).await.expect(200);
    ada.patch(&format!("{}/{}", room.members, grace.id), &json!({"role": "admin"})).await.expect(200);
    ada.delete(&path).await.expect(204);
    let kinds = [
        "message.new",
        "message.updated",
        "reactions.changed",
        "message.pinned",
        "conversation.updated",
        "member.updated",
        "message.deleted",
    ];
    for socket in &mut sockets {
        for (seq, kind) in (1..).zip(kinds) {
            let frame = socket.next_of(&kinds).await;
            assert_eq!((&frame["seq"], &frame["type"]), (&json!(seq), &json!(kind)), "{frame}");
        }
    }

    // What is not numbered.
    ada.read(&room, 7).await.expect(204);
    for socket in &mut sockets {
        while socket.next_of(&["message.read", "message.delivered"]).await["receipts"][&ada.id]["read_seq"] != 7 {}
    }
    let mut desk = ada.connect(&room.socket).await;
    for kind in ["typing.start", "typing.stop"] {
        desk.send(&json!({"type": kind})).await;
        for socket in &mut sockets {
            assert_eq!(socket.next_of(&["typing.start", "typing.stop"]).await["type"], kind);
        }
    }
}

async fn what_concerns_a_user_alone_reaches_their_devices_on_other_nodes(setup: Setup) {
    let cluster = Cluster::new(setup, NetworkCondition::Reliable, NEVER).await;
    let (ada, grace) = (cluster.first.register("ada").await, cluster.first.register("grace").await);
    let room = ada.direct(&grace).await;
    let message = grace.send(&room, "dinner").await;
    let mut device = cluster.on_second(&ada).connect("/ws").await;
    let saved = format!("{}/{}/saved", room.messages, message["id"].as_str().unwrap());
    ada.put(&saved).await.expect(204);
    assert_eq!(device.next_of(&["message.saved"]).await["message_id"], message["id"]);
    ada.put_json(&format!("{}/notifications", room.path), &json!({"level": "none"})).await.expect(204);
    while device.next_of(&["conversation.state"]).await["notifications"]["level"] != "none" {}
    ada.read(&room, 1).await.expect(204);
    while device.next_of(&["conversation.state"]).await["read_seq"] != 1 {}
    ada.patch("/v1/users/me", &json!({"settings": {"send_receipts": false}})).await.expect(200);
    assert_eq!(device.next_of(&["settings.updated"]).await["settings"]["send_receipts"], false);

    // The setting holds at the device's node: it shows no more who has read.
    ada.send(&room, "when?").await;
    grace.read(&room, 2).await.expect(204);
    let receipts = loop {
        let frame = device.next_of(&["message.read", "message.delivered"]).await;
        if frame["receipts"][&grace.id]["delivered_seq"] == 2 {
            break frame["receipts"][&grace.id].clone();
        }
    };
    assert_eq!(receipts["read_seq"], Value::Null);
}

async fn members_come_and_go_on_other_nodes(setup: Setup) {
    let cluster = Cluster::new(setup, NetworkCondition::Reliable, NEVER).await;
    let (ada, grace) = (cluster.first.register("ada").await, cluster.first.register("grace").await);
    let (joan, room) = (cluster.first.register("joan").await, ada.group("Lunch", &[]).await);
    // With a subscriber there, the node learns of members by the event, and without one by its users.
    let _listens = cluster.on_second(&ada).connect("/ws").await;
    for (user, group) in [(&grace, room.clone()), (&joan, ada.group("Supper", &[]).await)] {
        let mut all = cluster.on_second(user).connect("/ws").await;
        ada.post(&group.members, &json!({"user_id": user.id})).await.expect(201);
        ada.send(&group, "welcome").await;
        let kinds = ["conversation.created", "member.added", "message.new", "member.removed", "conversation.deleted"];
        let created = all.next_of(&kinds).await;
        assert_eq!((&created["type"], &created["conversation_id"]), (&json!("conversation.created"), &json!(group.id)));
        for (seq, kind) in [(1, "member.added"), (2, "message.new")] {
            let frame = all.next_of(&kinds).await;
            assert_eq!((&frame["seq"], &frame["type"]), (&json!(seq), &json!(kind)));
        }
        let mut one = cluster.on_second(user).connect(&group.socket).await;
        ada.delete(&format!("{}/{}", group.members, user.id)).await.expect(204);
        assert_eq!(all.next_of(&kinds).await["type"], "member.removed");
        assert_eq!(one.close_code().await, 4503);
        ada.send(&group, "behind their back").await;
        let other = ada.group("Breakfast", &[user]).await;
        let next = all.next_of(&kinds).await;
        assert_eq!((&next["type"], &next["conversation_id"]), (&json!("conversation.created"), &json!(other.id)));
        ada.delete(&other.path).await.expect(204);
        assert_eq!(all.next_of(&kinds).await["type"], "conversation.deleted");
    }
}

async fn a_session_is_one_on_all_nodes(setup: Setup) {
    let cluster = Cluster::new(setup, NetworkCondition::Reliable, NEVER).await;
    let ada = cluster.first.register("ada").await;
    let elsewhere = cluster.on_second(&ada);
    elsewhere.get("/v1/users/me").await.expect(200);
    let ticket = ada.post("/v1/tickets", &json!({})).await.expect(201).json();
    let path = format!("/ws?ticket={}", ticket["ticket"].as_str().unwrap());
    let mut socket = Socket::open(elsewhere.address, &path, &[]).await.unwrap();
    assert_eq!(socket.next().await["user"]["id"], ada.id.as_str());
    let mut again = Socket::open(ada.address, &path, &[]).await.unwrap();
    assert_eq!(again.close_code().await, 4500, "used on another node");

    let refresh = json!({"refresh_token": ada.refresh_token});
    let tokens = post(elsewhere.address, "/v1/users/refresh", &refresh).await.expect(200).json();
    let token = tokens["access_token"].as_str().unwrap().to_owned();
    TestUser { token, ..ada.clone() }.get("/v1/users/me").await.expect(200);
    let same = post(ada.address, "/v1/users/refresh", &refresh).await.expect(200).json();
    assert_eq!(same["refresh_token"], tokens["refresh_token"], "within the grace");
}

async fn every_way_to_end_sessions_ends_them_on_other_nodes(setup: Setup) {
    let cluster = Cluster::new(setup, NetworkCondition::Reliable, NEVER).await;
    let root = cluster.first.register("root").await;
    let made = run(&cluster.url, "", &["user", "make-admin", "root"]).await;
    assert!(made.succeeded, "{made:?}");
    let (logout, me) = ("/v1/users/logout", "/v1/users/me");
    for (name, way) in [("ada", 0), ("grace", 1), ("joan", 2), ("alan", 3), ("lin", 4)] {
        let user = cluster.first.register(name).await;
        let keeps = TestUser::login(user.address, name).await;
        let elsewhere = cluster.on_second(&user);
        // The other node has the session in its cache.
        elsewhere.get(me).await.expect(200);
        let mut socket = elsewhere.connect("/ws").await;
        let account = format!("/v1/admin/users/{}", user.id);
        match way {
            0 => user.post(logout, &json!({})).await.expect(204),
            1 => {
                let change = json!({"password": "another horse", "current_password": PASSWORD});
                keeps.patch(me, &change).await.expect(200)
            }
            2 => root.patch(&account, &json!({"disabled": true})).await.expect(200),
            3 => root.delete(&account).await.expect(204),
            _ => {
                let sessions = keeps.get("/v1/users/me/sessions").await.expect(200).json();
                let other = sessions["items"].as_array().unwrap().iter().find(|session| session["current"] == false);
                let id = other.unwrap()["id"].as_str().unwrap();
                keeps.delete(&format!("/v1/users/me/sessions/{id}")).await.expect(204)
            }
        };
        // With the answer, the session is over on every node.
        elsewhere.get(me).await.expect(401);
        assert_eq!(socket.close_code().await, 4504, "{name}");
    }
}

async fn an_operators_command_acts_on_all_nodes(setup: Setup) {
    let cluster = Cluster::new(setup, NetworkCondition::Disconnected, NEVER).await;
    let ada = cluster.first.register("ada").await;
    let (mut here, mut there) = (ada.connect("/ws").await, cluster.on_second(&ada).connect("/ws").await);
    let disabled = run(&cluster.url, "", &["user", "disable", "ada"]).await;
    assert!(disabled.succeeded, "{disabled:?}");
    for socket in [&mut here, &mut there] {
        assert_eq!(socket.close_code().await, 4504);
    }
}

async fn what_one_node_indexed_is_found_on_another(setup: Setup) {
    let cluster = Cluster::new(setup, NetworkCondition::Disconnected, NEVER).await;
    let (ada, grace) = (cluster.first.register("ada").await, cluster.first.register("grace").await);
    let room = ada.direct(&grace).await;
    ada.send(&room, "the quick brown fox").await;
    let there = cluster.on_second(&grace);
    let searching = async {
        while there.get("/v1/search?q=quick").await.expect(200).json()["items"].as_array().unwrap().is_empty() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(TEST_TIMEOUT, searching).await.expect("the other node finds it");
}
