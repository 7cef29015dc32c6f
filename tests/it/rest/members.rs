//! The members of a conversation, and the roles that may change them.

use serde_json::{Value, json};

use super::{each, pages, refused_fields};
use crate::support::client::{Conversation, Response, TestUser};
use crate::support::server::{Server, StoreKind};

on_each_store! {
    members_are_listed_by_username,
    somebody_is_added_once,
    what_a_role_may_do,
    members_leave_and_the_owner_hands_over_first,
    the_two_of_a_direct_conversation_are_fixed,
    whoever_is_removed_loses_access_and_may_come_back,
}

fn path(room: &Conversation, user: &TestUser) -> String {
    format!("{}/{}", room.members, user.id)
}

async fn add(actor: &TestUser, room: &Conversation, user: &TestUser, role: Option<&str>) -> Response {
    actor.post(&room.members, &json!({"user_id": user.id, "role": role})).await
}

async fn set_role(actor: &TestUser, room: &Conversation, user: &TestUser, role: &str) -> Response {
    actor.patch(&path(room, user), &json!({"role": role})).await
}

/// Returns usernames and roles, as one of the members sees them.
async fn roles(user: &TestUser, room: &Conversation) -> String {
    let list = user.get(&room.members).await.expect(200).json();
    let pair =
        |item: &Value| format!("{} {}", item["user"]["username"].as_str().unwrap(), item["role"].as_str().unwrap());
    list["items"].as_array().unwrap().iter().map(pair).collect::<Vec<_>>().join(", ")
}

fn forbidden() -> (u16, String) {
    (403, "forbidden".to_owned())
}

async fn members_are_listed_by_username(store: StoreKind) {
    let server = Server::on(store).await;
    let ada = server.register("mia").await;
    let (b, z, c) = (server.register("Bob").await, server.register("zoe").await, server.register("cid").await);
    let room = ada.group("Lunch", &[&z, &b, &c]).await;
    ada.send(&room, "hi").await;
    let list = c.get(&room.members).await.expect(200).json();
    assert_eq!(each(&list, "/user/username"), ["Bob", "cid", "mia", "zoe"]);
    assert_eq!(each(&list, "/role"), ["member", "member", "owner", "member"]);
    assert_eq!(each(&list, "/read_seq"), [0, 0, 1, 0]);
    assert_eq!(each(&list, "/delivered_seq"), [0, 0, 1, 0]);
    assert!(each(&list, "/joined_at").iter().all(Value::is_string), "{list}");
    assert_eq!(list["next"], Value::Null);
    for limit in [1, 3, 4, 200] {
        let (found, _) = pages(&ada, &format!("{}?limit={limit}", room.members), "/user/username").await;
        assert_eq!(found, ["Bob", "cid", "mia", "zoe"], "no duplicates and no gaps: {limit}");
    }
}

async fn somebody_is_added_once(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[]).await;
    ada.send(&room, "before").await;
    let answer = add(&ada, &room, &grace, None).await.expect(201);
    assert_eq!(answer.header("location"), Some(path(&room, &grace).as_str()));
    let member = answer.json();
    assert_eq!((&member["user"]["id"], &member["role"]), (&json!(grace.id), &json!("member")));
    assert_eq!((&member["read_seq"], &member["delivered_seq"]), (&json!(2), &json!(2)), "they start at last_seq");
    assert_eq!(add(&ada, &room, &grace, Some("admin")).await.expect(200).json(), member, "they are in already");
    let view = grace.get(&room.path).await.expect(200).json();
    assert_eq!((&view["last_seq"], &view["unread_count"], &view["member_count"]), (&json!(2), &json!(0), &json!(2)));

    let unknown = json!({"user_id": "0199a000-0000-7000-8000-000000000000"});
    assert_eq!(refused_fields(&ada.post(&room.members, &unknown).await), ["user_id"]);
    assert_eq!(refused_fields(&add(&ada, &room, &grace, Some("boss")).await), ["role"]);
}

async fn what_a_role_may_do(store: StoreKind) {
    let server = Server::on(store).await;
    let (owner, admin, member) =
        (server.register("owner").await, server.register("deputy").await, server.register("member").await);
    let (other, fresh) = (server.register("other").await, server.register("fresh").await);
    let room = owner.group("Lunch", &[&member, &other]).await;
    assert_eq!(add(&owner, &room, &admin, Some("admin")).await.expect(201).json()["role"], "admin");

    // Members change no members.
    assert_eq!(add(&member, &room, &fresh, None).await.problem(), forbidden());
    assert_eq!(set_role(&member, &room, &other, "admin").await.problem(), forbidden());
    for target in [&owner, &admin, &other] {
        assert_eq!(member.delete(&path(&room, target)).await.problem(), forbidden());
    }
    // Admins change members but not each other, and assign no roles.
    for role in ["admin", "owner"] {
        assert_eq!(add(&admin, &room, &fresh, Some(role)).await.problem(), forbidden());
        assert_eq!(set_role(&admin, &room, &other, role).await.problem(), forbidden());
        assert_eq!(set_role(&admin, &room, &admin, role).await.problem(), forbidden());
    }
    assert_eq!(admin.delete(&path(&room, &owner)).await.problem(), forbidden());
    add(&admin, &room, &fresh, Some("member")).await.expect(201);
    admin.delete(&path(&room, &fresh)).await.expect(204);
    // The owner assigns roles, and there is one owner.
    assert_eq!(add(&owner, &room, &fresh, Some("owner")).await.problem(), forbidden());
    add(&owner, &room, &fresh, Some("admin")).await.expect(201);
    assert_eq!(admin.delete(&path(&room, &fresh)).await.problem(), forbidden());
    assert_eq!(set_role(&owner, &room, &fresh, "member").await.expect(200).json()["role"], "member");
    assert_eq!(set_role(&owner, &room, &owner, "member").await.problem(), forbidden(), "not oneself");
    assert_eq!(refused_fields(&set_role(&owner, &room, &fresh, "Admin").await), ["role"]);
    owner.delete(&path(&room, &admin)).await.expect(204);
    assert_eq!(roles(&owner, &room).await, "fresh member, member member, other member, owner owner");

    for gone in [path(&room, &admin), format!("{}/nonsense", room.members)] {
        assert_eq!(owner.delete(&gone).await.problem(), (404, "not_found".to_owned()));
        let promoted = owner.patch(&gone, &json!({"role": "admin"})).await;
        assert_eq!(promoted.problem(), (404, "not_found".to_owned()));
    }
}

async fn members_leave_and_the_owner_hands_over_first(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace, joan) =
        (server.register("ada").await, server.register("grace").await, server.register("joan").await);
    let room = ada.group("Lunch", &[&grace, &joan]).await;
    grace.delete(&path(&room, &grace)).await.expect(204);
    assert_eq!(ada.delete(&path(&room, &ada)).await.problem(), forbidden());
    assert_eq!(set_role(&ada, &room, &joan, "owner").await.expect(200).json()["role"], "owner");
    assert_eq!(roles(&ada, &room).await, "ada admin, joan owner", "whoever hands over stays as an admin");
    assert_eq!(set_role(&ada, &room, &joan, "member").await.problem(), forbidden());
    ada.delete(&path(&room, &ada)).await.expect(204);
    assert_eq!(roles(&joan, &room).await, "joan owner");
    let notes = joan.get(&room.messages).await.expect(200).json();
    assert_eq!(each(&notes, "/content"), ["Grace left", "Ada made Joan the owner", "Ada left"]);
    joan.delete(&path(&room, &joan)).await.expect(204);
    assert_eq!(joan.get(&room.path).await.problem(), (404, "not_found".to_owned()), "the last one may go");
}

async fn the_two_of_a_direct_conversation_are_fixed(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace, joan) =
        (server.register("ada").await, server.register("grace").await, server.register("joan").await);
    let direct = ada.direct(&grace).await;
    assert_eq!(add(&ada, &direct, &joan, None).await.problem(), forbidden());
    assert_eq!(set_role(&ada, &direct, &grace, "admin").await.problem(), forbidden());
    for target in [&ada, &grace] {
        assert_eq!(ada.delete(&path(&direct, target)).await.problem(), forbidden());
    }
    assert_eq!(roles(&grace, &direct).await, "ada member, grace member");
    assert_eq!(ada.get(&direct.path).await.json()["last_seq"], 0, "what is refused leaves nothing");
}

async fn whoever_is_removed_loses_access_and_may_come_back(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    grace.send(&room, "hi").await;
    ada.delete(&path(&room, &grace)).await.expect(204);
    for path in [&room.path, &room.members, &room.messages] {
        assert_eq!(grace.get(path).await.problem(), (404, "not_found".to_owned()));
    }
    let late = grace.post(&room.messages, &json!({"content": "wait"})).await;
    assert_eq!(late.problem(), (404, "not_found".to_owned()));
    assert_eq!(grace.get("/v1/conversations").await.json()["items"], json!([]));
    assert_eq!(ada.get(&room.path).await.json()["member_count"], 1);

    add(&ada, &room, &grace, None).await.expect(201);
    let history = grace.get(&room.messages).await.expect(200).json();
    assert_eq!(each(&history, "/content"), ["hi", "Ada removed Grace", "Ada added Grace"]);
}
