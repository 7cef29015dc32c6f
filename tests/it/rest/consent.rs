//! Consent: a user decides who begins a conversation with them. Over both transports.

use std::collections::HashSet;
use std::pin::pin;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{each, nameless, refused_fields};
use crate::support::citus::distributed_database;
use crate::support::client::{Conversation, TestUser};
use crate::support::lock_holder::LockHolder;
use crate::support::postgres::database;
use crate::support::server::{Server, StoreKind};
use crate::support::socket::Socket;

on_each_store! {
    a_user_decides_who_may_begin_a_conversation_with_them,
    the_setting_is_the_users_own,
    who_refuses_is_listed_again_by_a_retry,
    an_answer_makes_a_contact_and_what_exists_stays,
    who_left_is_added_again_by_their_contacts_alone,
    many_accounts_add_a_user_who_accepts_nobody,
    a_setting_holds_from_its_answer_on,
}

/// The calls that begin a conversation, over one transport, by one user.
enum Caller {
    Rest(TestUser),
    Socket(Box<Socket>),
}

impl Caller {
    /// Calls an operation. Returns the status and the body, or a problem without its request id.
    async fn call(&mut self, operation: &str, conversation: Option<&Conversation>, input: Value) -> (u16, Value) {
        match self {
            Self::Rest(user) => {
                let path = conversation.map_or("/v1/conversations", |conversation| conversation.members.as_str());
                let answer = user.post(path, &input).await;
                if answer.status >= 400 { nameless(&answer) } else { (answer.status, answer.json()) }
            }
            Self::Socket(socket) => {
                let id = conversation.map(|conversation| conversation.id.as_str());
                socket.send(&json!({"type": operation, "ref": "r", "conversation_id": id, "input": input})).await;
                let mut answer = socket.next_of(&["reply", "error"]).await;
                let status = u16::try_from(answer["status"].as_u64().unwrap()).unwrap();
                if answer["type"] == "reply" {
                    return (status, answer["body"].take());
                }
                for member in ["ref", "request_id", "conversation_id"] {
                    answer.as_object_mut().unwrap().remove(member);
                }
                answer["type"] = json!("about:blank");
                (status, answer)
            }
        }
    }

    async fn create(&mut self, kind: &str, members: &[&TestUser]) -> (u16, Value) {
        let ids: Vec<&str> = members.iter().map(|member| member.id.as_str()).collect();
        self.call("conversation.create", None, json!({"type": kind, "member_ids": ids})).await
    }

    async fn add(&mut self, room: &Conversation, user: &TestUser) -> (u16, Value) {
        self.call("member.add", Some(room), json!({"user_id": user.id})).await
    }
}

async fn accept(user: &TestUser, contact_from: &str) {
    let answer = user.patch("/v1/users/me", &json!({"settings": {"contact_from": contact_from}})).await.expect(200);
    assert_eq!(answer.json()["settings"]["contact_from"], contact_from);
}

/// Fails unless this is the refusal that is the same for every reason.
#[track_caller]
fn assert_declined((status, problem): &(u16, Value)) {
    let expected = (403, &json!("forbidden"), &json!("This user does not accept this."));
    assert_eq!((*status, &problem["code"], &problem["detail"]), expected, "{problem}");
}

async fn conversations(user: &TestUser) -> HashSet<String> {
    let list = user.get("/v1/conversations?limit=200").await.expect(200).json();
    assert_eq!(list["next"], Value::Null);
    each(&list, "/id").iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

async fn a_user_decides_who_may_begin_a_conversation_with_them(store: StoreKind) {
    let server = Server::on_with(store, &["--rate-limits", "off"]).await;
    let (owner, deputy, plain) =
        (server.register("owner").await, server.register("deputy").await, server.register("plain").await);
    let room = owner.group("Lunch", &[&plain]).await;
    owner.post(&room.members, &json!({"user_id": deputy.id, "role": "admin"})).await.expect(201);
    let member = &mut Caller::Rest(plain.clone());
    let callers = [
        (Caller::Rest(owner.clone()), "over REST"),
        (Caller::Socket(Box::new(deputy.connect("/ws").await)), "over WebSocket"),
    ];
    let mut refusals = Vec::new();
    for (index, (mut caller, transport)) in callers.into_iter().enumerate() {
        for (number, contact_from) in ["everyone", "contacts", "nobody"].into_iter().enumerate() {
            for is_contact in [false, true] {
                let case = format!("{contact_from}, {is_contact}, {transport}");
                let username = format!("user{index}{number}{}", u8::from(is_contact));
                let user = server.register(&username).await;
                let mut known = HashSet::new();
                if is_contact {
                    known.insert(user.group("Friends", &[&owner, &deputy, &plain]).await.id);
                }
                accept(&user, contact_from).await;
                let accepts = contact_from == "everyone" || (contact_from == "contacts" && is_contact);

                let refused = member.add(&room, &user).await;
                assert_eq!(refused.1["detail"], "Only an admin or the owner can add members.", "{case}");
                let added = caller.add(&room, &user).await;
                let (status, group) = caller.create("group", &[&user, &plain]).await;
                assert_eq!((status, &group["role"]), (201, &json!("owner")), "{case}: {group}");
                let (status, direct) = caller.create("direct", &[&user]).await;
                if accepts {
                    assert_eq!((added.0, &added.1["user"]["id"]), (201, &json!(user.id)), "{case}");
                    assert_eq!((&group["not_added"], &group["member_count"]), (&json!([]), &json!(3)), "{case}");
                    assert_eq!((status, &direct["not_added"]), (201, &json!([])), "{case}");
                    let ids = [&json!(room.id), &group["id"], &direct["id"]];
                    known.extend(ids.map(|id| id.as_str().unwrap().to_owned()));
                } else {
                    assert_declined(&added);
                    assert_eq!((&group["not_added"], &group["member_count"]), (&json!([user.id]), &json!(2)), "{case}");
                    refusals.extend([added, (status, direct)]);
                }
                assert_eq!(conversations(&user).await, known, "{case}");
            }
        }
    }
    assert_eq!(refusals.len(), 12);
    for refusal in &refusals {
        assert_declined(refusal);
        assert_eq!(refusal, &refusals[0], "no reason can be told from another");
    }
}

/// Returns the settings of a user who changed none but this one.
fn settings(contact_from: &str) -> Value {
    json!({"contact_from": contact_from, "send_receipts": true, "show_last_seen": true, "do_not_disturb_until": null})
}

async fn the_setting_is_the_users_own(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let me = async || ada.get("/v1/users/me").await.expect(200).json();
    assert_eq!(me().await["settings"], settings("everyone"));
    accept(&ada, "contacts").await;
    let update = json!({"name": "Countess", "settings": {"contact_from": "nobody", "unknown": 1}});
    let updated = ada.patch("/v1/users/me", &update).await.expect(200).json();
    assert_eq!((&updated, &updated["name"]), (&me().await, &json!("Countess")));
    for nothing in [json!({}), json!({"settings": {}}), json!({"settings": null}), json!({"name": "Ada"})] {
        ada.patch("/v1/users/me", &nothing).await.expect(200);
        assert_eq!(me().await["settings"], settings("nobody"), "{nothing}");
    }
    for bad in [json!("friends"), json!(""), json!("Nobody")] {
        let update = json!({"name": "Bad", "settings": {"contact_from": bad}});
        assert_eq!(refused_fields(&ada.patch("/v1/users/me", &update).await), ["settings.contact_from"], "{bad}");
    }
    for bad in [json!({"settings": 7}), json!({"settings": "nobody"}), json!({"settings": {"contact_from": 7}})] {
        let fields = refused_fields(&ada.patch("/v1/users/me", &bad).await);
        assert!(fields[0].starts_with("settings"), "{bad}: {fields:?}");
    }
    assert_eq!((me().await["name"].take(), me().await["settings"].take()), (json!("Ada"), settings("nobody")));

    let mut socket = ada.open("/ws").await;
    let room = ada.group("Lunch", &[&grace]).await;
    for (place, user) in [
        ("by id", grace.get(&format!("/v1/users/{}", ada.id)).await.json()),
        ("a list", grace.get("/v1/users").await.json()["items"][0].take()),
        ("a member", grace.get(&room.members).await.json()["items"][0]["user"].take()),
        ("hello", socket.next().await["user"].take()),
    ] {
        assert_eq!((&user["id"], user.get("settings")), (&json!(ada.id), None), "{place}");
    }
}

async fn who_refuses_is_listed_again_by_a_retry(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace, joan) =
        (server.register("ada").await, server.register("grace").await, server.register("joan").await);
    accept(&grace, "nobody").await;
    let create = json!({"id": Uuid::now_v7(), "type": "group", "name": "Lunch", "member_ids": [grace.id, joan.id]});
    let first = ada.post("/v1/conversations", &create).await.expect(201).json();
    assert_eq!((&first["not_added"], &first["member_count"]), (&json!([grace.id]), &json!(2)));
    assert_eq!(ada.post("/v1/conversations", &create).await.expect(200).json(), first);
    let mut socket = ada.connect("/ws").await;
    socket.send(&json!({"type": "conversation.create", "ref": "r", "input": create})).await;
    assert_eq!(socket.next_of(&["reply", "error"]).await["body"], first);
    // The server tells nothing to a user whom it did not add, and does not add them later, whatever they decide then.
    accept(&grace, "everyone").await;
    assert_eq!(ada.post("/v1/conversations", &create).await.expect(200).json(), first);
    assert_eq!(conversations(&grace).await, HashSet::new());
    // A group of oneself is made all the same.
    accept(&joan, "nobody").await;
    let alone = json!({"type": "group", "member_ids": [joan.id]});
    let alone = ada.post("/v1/conversations", &alone).await.expect(201).json();
    assert_eq!((&alone["not_added"], &alone["member_count"]), (&json!([joan.id]), &json!(1)));
}

async fn an_answer_makes_a_contact_and_what_exists_stays(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace, joan) =
        (server.register("ada").await, server.register("grace").await, server.register("joan").await);
    let (hers, joans) = (ada.direct(&grace).await, joan.direct(&grace).await);
    let room = ada.group("Lunch", &[]).await;
    ada.send(&hers, "Hello?").await;
    accept(&grace, "contacts").await;
    let mut caller = Caller::Rest(ada.clone());
    assert_declined(&caller.add(&room, &grace).await);
    // The server neither ends nor refuses a conversation that exists.
    let (status, again) = caller.create("direct", &[&grace]).await;
    assert_eq!((status, &again["id"], &again["not_added"]), (200, &json!(hers.id), &json!([])));
    grace.send(&hers, "Hello").await;
    assert_eq!(caller.add(&room, &grace).await.0, 201, "she wrote back");
    assert_declined(&Caller::Rest(joan.clone()).add(&joan.group("Dinner", &[]).await, &grace).await);
    accept(&grace, "nobody").await;
    assert_eq!(caller.add(&room, &grace).await.0, 200, "she is in");
    ada.send(&room, "Still here?").await;
    for (user, conversation) in [(&ada, &hers), (&joan, &joans)] {
        user.send(conversation, "And here?").await;
    }
}

async fn who_left_is_added_again_by_their_contacts_alone(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace, joan) =
        (server.register("ada").await, server.register("grace").await, server.register("joan").await);
    let room = ada.group("Lunch", &[&grace]).await;
    ada.post(&room.members, &json!({"user_id": joan.id, "role": "admin"})).await.expect(201);
    let path = format!("{}/{}", room.members, grace.id);
    let (mut adas, mut joans) = (Caller::Rest(ada.clone()), Caller::Socket(Box::new(joan.connect("/ws").await)));

    ada.delete(&path).await.expect(204);
    assert_eq!(adas.add(&room, &grace).await.0, 201, "she was removed, and did not leave");
    grace.delete(&path).await.expect(204);
    for caller in [&mut adas, &mut joans] {
        assert_declined(&caller.add(&room, &grace).await);
    }
    // Elsewhere they can add her.
    let (status, other) = adas.create("group", &[&grace]).await;
    assert_eq!((status, &other["not_added"]), (201, &json!([])));
    let direct = joan.direct(&grace).await;
    grace.send(&direct, "You may add me again.").await;
    assert_declined(&adas.add(&room, &grace).await);
    assert_eq!(joans.add(&room, &grace).await.0, 201, "Joan is a contact of hers");
    // Being removed after that is no leaving.
    ada.delete(&path).await.expect(204);
    assert_eq!(adas.add(&room, &grace).await.0, 201);
    // And nobody means nobody, contacts too.
    grace.delete(&path).await.expect(204);
    accept(&grace, "nobody").await;
    assert_declined(&joans.add(&room, &grace).await);
}

async fn many_accounts_add_a_user_who_accepts_nobody(store: StoreKind) {
    let server = Server::on_with(store, &["--rate-limits", "off"]).await;
    let (friendly, closed) = (server.register("friendly").await, server.register("closed").await);
    accept(&friendly, "contacts").await;
    accept(&closed, "nobody").await;
    let mut sockets = [friendly.connect("/ws").await, closed.connect("/ws").await];
    let mut attackers = JoinSet::new();
    for number in 0..5 {
        let attacker = server.register(&format!("mallory{number}")).await;
        let targets = [friendly.clone(), closed.clone()];
        attackers.spawn(async move {
            let room = attacker.group("Trap", &[]).await;
            let mut callers = [Caller::Rest(attacker.clone()), Caller::Socket(Box::new(attacker.connect("/ws").await))];
            for caller in &mut callers {
                for target in &targets {
                    assert_declined(&caller.add(&room, target).await);
                    assert_declined(&caller.create("direct", &[target]).await);
                }
                for _ in 0..5 {
                    let (status, made) = caller.create("group", &[&targets[0], &targets[1]]).await;
                    assert_eq!((status, made["not_added"].as_array().unwrap().len()), (201, 2), "{made}");
                }
            }
        });
    }
    while let Some(done) = attackers.join_next().await {
        done.unwrap();
    }
    for (user, socket) in [&friendly, &closed].into_iter().zip(&mut sockets) {
        assert_eq!(conversations(user).await, HashSet::new());
        socket.send(&json!({"type": "ping"})).await;
        let (before, _) = socket.until("pong").await;
        let heard: Vec<&Value> = before.iter().filter(|frame| frame.get("conversation_id").is_some()).collect();
        assert_eq!(heard, Vec::<&Value>::new(), "they hear nothing of it");
    }
}

async fn a_setting_holds_from_its_answer_on(store: StoreKind) {
    let server = Server::on_with(store, &["--rate-limits", "off"]).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[]).await;
    for round in 0..4 {
        let stop = watch::Sender::new(false);
        let mut attackers = JoinSet::new();
        for index in 0..4 {
            let (ada, grace, room, stop) = (ada.clone(), grace.clone(), room.clone(), stop.subscribe());
            attackers.spawn(async move {
                let mut caller = Caller::Rest(ada.clone());
                while !*stop.borrow() {
                    if index > 0 {
                        assert_eq!(caller.create("group", &[&grace]).await.0, 201);
                    } else if caller.add(&room, &grace).await.0 == 201 {
                        ada.delete(&format!("{}/{}", room.members, grace.id)).await.expect(204);
                    }
                }
            });
        }
        accept(&grace, "nobody").await;
        let settled = conversations(&grace).await;
        let late = conversations(&grace).await;
        stop.send_replace(true);
        while let Some(done) = attackers.join_next().await {
            done.unwrap();
        }
        let mut gained = conversations(&grace).await;
        gained.extend(late);
        gained.retain(|id| !settled.contains(id));
        assert_eq!(gained, HashSet::new(), "round {round}");
        accept(&grace, "everyone").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_setting_waits_for_an_addition_that_has_read_it() {
    for url in [database().await, distributed_database().await] {
        setting_waits(url).await;
    }
}

async fn setting_waits(url: String) {
    let server = Server::with(&["--database-url", &url]).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    grace.group("Friends", &[&ada]).await;
    let room = ada.group("Lunch", &[]).await;
    accept(&grace, "contacts").await;
    // The addition reads the setting first, and then waits for the contacts.
    let held = LockHolder::new(&url, "LOCK TABLE contacts IN ACCESS EXCLUSIVE MODE").await;
    let changing = async {
        held.waits(1).await;
        let mut change = pin!(accept(&grace, "nobody"));
        tokio::select! {
            biased;
            () = &mut change => panic!("the answer to the setting came before she was added"),
            () = held.waits(2) => {}
        }
        held.release().await;
        change.await;
    };
    let input = json!({"user_id": grace.id});
    let (added, ()) = tokio::join!(ada.post(&room.members, &input), changing);
    added.expect(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_creation_that_waits_reads_the_setting_afterwards() {
    let url = database().await;
    let server = Server::with(&["--database-url", &url]).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    // The creation locks its creator before the others.
    let lock = format!("SELECT 1 FROM users WHERE id = '{}' FOR NO KEY UPDATE", ada.id);
    let held = LockHolder::new(&url, &lock).await;
    let changing = async {
        held.waits(1).await;
        accept(&grace, "nobody").await;
        held.release().await;
    };
    let input = json!({"type": "group", "member_ids": [grace.id]});
    let (created, ()) = tokio::join!(ada.post("/v1/conversations", &input), changing);
    assert_eq!(created.expect(201).json()["not_added"], json!([grace.id]));
}
