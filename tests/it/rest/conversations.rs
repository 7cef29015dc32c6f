//! Creating, listing, naming and deleting conversations.

use hyper::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{each, nameless, pages, refused_fields};
use crate::support::client::{Conversation, send_request};
use crate::support::server::{Server, StoreKind};

on_each_store! {
    a_pair_has_one_direct_conversation,
    a_group_has_whom_its_maker_names,
    a_creation_with_an_id_can_be_tried_again,
    the_pair_that_exists_is_found_whatever_id_is_asked_for,
    a_conversation_takes_people_who_exist,
    conversations_come_by_their_latest_activity,
    strangers_see_nothing_of_a_conversation,
    admins_name_a_group_and_its_owner_deletes_it,
}

async fn a_pair_has_one_direct_conversation(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace, joan) =
        (server.register("ada").await, server.register("grace").await, server.register("joan").await);
    let with = |id: &str| json!({"type": "direct", "member_ids": [id]});
    let answer = ada.post("/v1/conversations", &with(&grace.id)).await.expect(201);
    let mut direct = answer.json();
    assert_eq!(direct.as_object_mut().unwrap().remove("not_added"), Some(json!([])), "nobody refused");
    let location = format!("/v1/conversations/{}", direct["id"].as_str().unwrap());
    assert_eq!(answer.header("location"), Some(location.as_str()));
    assert_eq!((&direct["type"], &direct["name"], &direct["role"]), (&json!("direct"), &Value::Null, &json!("member")));
    assert_eq!((&direct["creator_id"], &direct["member_count"]), (&json!(ada.id), &json!(2)));
    assert_eq!((&direct["last_seq"], &direct["last_message"]), (&json!(0), &Value::Null), "creating leaves no message");
    assert_eq!(direct["peer"]["username"], "grace");
    assert_eq!(ada.get(&location).await.expect(200).json(), direct);

    let me_too = json!({"type": "direct", "member_ids": [ada.id, grace.id, grace.id]});
    for (user, body) in [(&ada, with(&grace.id)), (&grace, with(&ada.id)), (&ada, me_too)] {
        let again = user.post("/v1/conversations", &body).await.expect(200).json();
        assert_eq!(again["id"], direct["id"], "{body}");
    }
    assert_eq!(grace.get(&location).await.expect(200).json()["peer"]["username"], "ada");
    let other = ada.post("/v1/conversations", &with(&joan.id)).await.expect(201).json();
    assert_ne!(other["id"], direct["id"]);

    for others in [json!([]), json!([ada.id]), json!([grace.id, joan.id])] {
        let refused = ada.post("/v1/conversations", &json!({"type": "direct", "member_ids": others})).await;
        assert_eq!(refused_fields(&refused), ["member_ids"], "{others}");
    }
    let named = json!({"type": "direct", "name": "Us", "member_ids": [grace.id]});
    assert_eq!(refused_fields(&ada.post("/v1/conversations", &named).await), ["name"]);
}

async fn a_group_has_whom_its_maker_names(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    for (body, name, count) in [
        (json!({"type": "group", "name": " Lunch\t", "member_ids": [grace.id]}), json!("Lunch"), 2),
        (json!({"type": "group", "member_ids": [grace.id, ada.id, grace.id]}), Value::Null, 2),
        (json!({"type": "group", "name": null, "member_ids": [ada.id]}), Value::Null, 1),
        (json!({"type": "group", "name": "é".repeat(100), "member_ids": []}), json!("é".repeat(100)), 1),
    ] {
        let group = ada.post("/v1/conversations", &body).await.expect(201).json();
        assert_eq!((&group["name"], &group["member_count"]), (&name, &json!(count)), "{body}");
        assert_eq!((&group["role"], &group["peer"]), (&json!("owner"), &Value::Null));
        assert_eq!((&group["unread_count"], &group["muted"]), (&json!(0), &json!(false)));
        let room = Conversation::from(&group);
        let members = ada.get(&room.members).await.expect(200).json();
        let roles: Vec<_> = each(&members, "/user/username").into_iter().zip(each(&members, "/role")).collect();
        let expected = [(json!("ada"), json!("owner")), (json!("grace"), json!("member"))];
        assert_eq!(roles, expected[..count]);
    }
    // Two groups with the same members are two groups.
    let same = json!({"type": "group", "name": "Lunch", "member_ids": [grace.id]});
    let first = ada.post("/v1/conversations", &same).await.expect(201).json();
    let second = ada.post("/v1/conversations", &same).await.expect(201).json();
    assert_ne!(first["id"], second["id"]);
}

async fn a_creation_with_an_id_can_be_tried_again(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let id = Uuid::now_v7();
    let group = json!({"id": id, "type": "group", "name": "Lunch", "member_ids": [grace.id]});
    let first = ada.post("/v1/conversations", &group).await.expect(201);
    assert_eq!(first.json()["id"], json!(id));
    let room = Conversation::from(&first.json());
    ada.send(&room, "hello").await;
    let again = ada.post("/v1/conversations", &group).await.expect(200);
    assert_eq!(again.header("location"), first.header("location"));
    let mut now = ada.get(&room.path).await.json();
    now["not_added"] = json!([]);
    assert_eq!(again.json(), now, "it is as it is now");
    assert_eq!(ada.get("/v1/conversations").await.json()["items"].as_array().unwrap().len(), 1);

    // Another user learns nothing of it, whether they are a member or not.
    let joan = server.register("joan").await;
    for user in [&grace, &joan] {
        let taken = user.post("/v1/conversations", &json!({"id": id, "type": "group", "member_ids": []})).await;
        assert_eq!(taken.problem(), (409, "id_taken".to_owned()));
        assert!(!taken.json().to_string().contains("Lunch"), "{taken:?}");
    }

    // A pair has one conversation, whatever id is asked for.
    let pair = ada.direct(&grace).await;
    let other = json!({"id": Uuid::now_v7(), "type": "direct", "member_ids": [ada.id]});
    assert_eq!(grace.post("/v1/conversations", &other).await.expect(200).json()["id"], pair.id);
}

async fn the_pair_that_exists_is_found_whatever_id_is_asked_for(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace, joan) =
        (server.register("ada").await, server.register("grace").await, server.register("joan").await);
    let gone = ada.group("Gone", &[]).await;
    ada.delete(&gone.path).await.expect(204);
    let (pair, other) = (ada.direct(&grace).await, joan.group("Other", &[]).await);
    let ask = async |with: &str, id: &str| {
        ada.post("/v1/conversations", &json!({"type": "direct", "member_ids": [with], "id": id})).await
    };
    for id in [&gone.id, &pair.id, &Uuid::now_v7().to_string()] {
        assert_eq!(ask(&grace.id, id).await.expect(200).json()["id"], pair.id, "{id}");
    }
    // An id of somebody else's is refused before the pair is looked for, so that it never names two conversations.
    assert_eq!(ask(&grace.id, &other.id).await.problem(), (409, "id_taken".to_owned()));
    for id in [&gone.id, &other.id] {
        assert_eq!(ask(&joan.id, id).await.problem(), (409, "id_taken".to_owned()), "there is no pair yet");
    }
}

async fn a_conversation_takes_people_who_exist(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let unknown = "0199a000-0000-7000-8000-000000000000";
    for body in [
        json!({"type": "direct", "member_ids": [unknown]}),
        json!({"type": "group", "member_ids": [unknown]}),
        json!({"type": "group", "member_ids": [grace.id, unknown]}),
    ] {
        let refused = ada.post("/v1/conversations", &body).await;
        assert_eq!(refused_fields(&refused), ["member_ids"], "{body}");
    }
    for user in [&ada, &grace] {
        assert_eq!(user.get("/v1/conversations").await.json()["items"], json!([]), "nothing half made");
    }
}

async fn conversations_come_by_their_latest_activity(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    assert_eq!(ada.get("/v1/conversations").await.expect(200).json(), json!({"items": [], "next": null}));
    let mut rooms = Vec::new();
    for number in 0..5 {
        rooms.push(ada.group(&number.to_string(), &[&grace]).await);
    }
    let direct = ada.direct(&grace).await;
    ada.send(&rooms[1], "hello").await;
    grace.send(&rooms[3], "one").await;
    let newest = grace.send(&rooms[3], "two").await;

    let all = ada.get("/v1/conversations").await.expect(200).json();
    let expected = [&rooms[3], &rooms[1], &direct, &rooms[4], &rooms[2], &rooms[0]].map(|room| room.id.clone());
    assert_eq!(each(&all, "/id"), expected);
    assert_eq!(all["items"][0]["last_message"], newest);
    assert_eq!(each(&all, "/unread_count"), [2, 0, 0, 0, 0, 0], "one's own are not unread");
    assert_eq!(each(&all, "/read_seq"), [0, 1, 0, 0, 0, 0], "a send advances the sender's own");
    assert_eq!(each(&all, "/last_seq"), [2, 1, 0, 0, 0, 0]);
    assert_eq!(all["items"][2]["peer"]["id"], grace.id.as_str());
    let theirs = grace.get("/v1/conversations").await.expect(200).json();
    assert_eq!(each(&theirs, "/unread_count"), [0, 1, 0, 0, 0, 0]);
    for limit in [1, 2, 4, 6, 200] {
        let (found, lengths) = pages(&ada, &format!("/v1/conversations?limit={limit}"), "/id").await;
        assert_eq!(found, expected, "nothing twice, nothing left out: {limit}");
        assert!(lengths.iter().all(|length| *length <= limit), "{lengths:?}");
    }
    ada.patch(&rooms[0].path, &json!({"name": "Zero"})).await.expect(200);
    let renamed = &grace.get("/v1/conversations?limit=1").await.expect(200).json()["items"][0];
    assert_eq!((&renamed["name"], &renamed["last_message"]["type"]), (&json!("Zero"), &json!("system")));
    assert_eq!(
        (&renamed["unread_count"], &renamed["last_seq"]),
        (&json!(0), &json!(1)),
        "system messages are not unread"
    );
}

async fn strangers_see_nothing_of_a_conversation(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace, eve) =
        (server.register("ada").await, server.register("grace").await, server.register("eve").await);
    let (room, direct) = (ada.group("Lunch", &[&grace]).await, ada.direct(&grace).await);
    let secret = ada.send(&room, "a secret").await;
    ada.send(&direct, "another").await;
    let bearer = format!("Bearer {}", eve.token);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let nowhere = "0199a000-0000-7000-8000-000000000000";
    let (add, role) = (json!({"user_id": eve.id}), json!({"role": "admin"}));
    for (method, below, body) in [
        (Method::GET, String::new(), Value::Null),
        (Method::PATCH, String::new(), json!({"name": "Mine"})),
        (Method::DELETE, String::new(), Value::Null),
        (Method::GET, "/members".to_owned(), Value::Null),
        (Method::POST, "/members".to_owned(), add),
        (Method::POST, "/messages".to_owned(), json!({"id": secret["id"], "content": "a secret"})),
        (Method::PATCH, format!("/members/{}", grace.id), role.clone()),
        (Method::PATCH, format!("/members/{nowhere}"), role),
        (Method::DELETE, format!("/members/{}", grace.id), Value::Null),
        (Method::DELETE, format!("/members/{}", eve.id), Value::Null),
        (Method::GET, "/messages".to_owned(), Value::Null),
        (Method::GET, "/messages?around_seq=1".to_owned(), Value::Null),
        (Method::POST, "/messages".to_owned(), json!({"content": "let me in"})),
        (Method::POST, "/messages".to_owned(), json!({"content": "let me in", "reply_to": secret["id"]})),
    ] {
        let mut answers = Vec::new();
        for id in [nowhere, "not-an-id", &room.id, &direct.id] {
            let path = format!("/v1/conversations/{id}{below}");
            let text = if body.is_null() { String::new() } else { body.to_string() };
            let answer = send_request(server.address, method.clone(), &path, &headers, text).await;
            assert_eq!(answer.problem(), (404, "not_found".to_owned()), "{method} {path}");
            answers.push(nameless(&answer));
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{method} {below}: {answers:?}");
    }
    assert_eq!(eve.get("/v1/conversations").await.json()["items"], json!([]));
    let view = ada.get(&room.path).await.expect(200).json();
    assert_eq!((&view["last_seq"], &view["member_count"], &view["name"]), (&json!(1), &json!(2), &json!("Lunch")));
}

async fn admins_name_a_group_and_its_owner_deletes_it(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace, joan) =
        (server.register("ada").await, server.register("grace").await, server.register("joan").await);
    let (room, direct) = (ada.group("Lunch", &[&grace, &joan]).await, ada.direct(&grace).await);
    ada.patch(&format!("{}/{}", room.members, grace.id), &json!({"role": "admin"})).await.expect(200);
    let forbidden = (403, "forbidden".to_owned());
    assert_eq!(joan.patch(&room.path, &json!({"name": "Supper"})).await.problem(), forbidden);
    let renamed = grace.patch(&room.path, &json!({"name": " Supper "})).await.expect(200).json();
    assert_eq!(
        (&renamed["name"], &renamed["last_seq"], &renamed["role"]),
        (&json!("Supper"), &json!(2), &json!("admin"))
    );
    let same = ada.patch(&room.path, &json!({"name": "Supper"})).await.expect(200).json();
    assert_eq!(same["last_seq"], 2, "nothing changed, so nothing is noted");
    assert_eq!(grace.patch(&direct.path, &json!({"name": "Us"})).await.problem(), forbidden);

    for user in [&grace, &joan] {
        assert_eq!(user.delete(&room.path).await.problem(), forbidden);
    }
    assert_eq!(ada.delete(&direct.path).await.problem(), forbidden, "a direct conversation stays");
    assert!(ada.delete(&room.path).await.expect(204).body.is_empty());
    for path in [&room.path, &room.members, &room.messages] {
        assert_eq!(ada.get(path).await.problem(), (404, "not_found".to_owned()));
    }
    assert_eq!(ada.delete(&room.path).await.status, 404);
    assert_eq!(each(&grace.get("/v1/conversations").await.json(), "/id"), [direct.id]);
}
