//! Accounts.

use argon2::Argon2;
use argon2::password_hash::PasswordHasher;
use chinwag::domain::user::{Name, User, Username};
use chinwag::domain::{Timestamp, UserId};
use chinwag::limits::LOGIN_FAILURES;
use chinwag::store::Users;
use serde_json::{Value, json};

use super::{each, nameless, pages, refused_fields};
use crate::support::client::{PASSWORD, TestUser, get, post};
use crate::support::server::{Server, StoreKind};

on_each_store! {
    registering_makes_a_user,
    a_username_is_taken_whatever_its_case,
    whoever_is_logged_in_finds_everybody,
    people_change_their_names,
    a_new_password_takes_the_old_one_and_ends_the_other_sessions,
    a_password_is_neither_common_nor_the_username,
    a_password_is_one_however_it_is_typed,
    an_old_hash_is_replaced_by_the_next_login,
}

async fn registering_makes_a_user(store: StoreKind) {
    let server = Server::on(store).await;
    let body = json!({"username": "Ada.L", "name": "  Ada Lovelace \n", "password": PASSWORD, "unknown": [1]});
    let answer = post(server.address, "/v1/users/register", &body).await.expect(201);
    let user = answer.json();
    let location = format!("/v1/users/{}", user["id"].as_str().unwrap());
    assert_eq!(answer.header("location"), Some(location.as_str()));
    assert_eq!((&user["username"], &user["name"]), (&json!("Ada.L"), &json!("Ada Lovelace")), "trimmed");
    assert_eq!((&user["status"], &user["last_seen_at"]), (&json!("offline"), &Value::Null));
    let created_at = user["created_at"].as_str().unwrap();
    assert!(created_at.contains('T') && created_at.ends_with('Z'), "RFC 3339 in UTC: {created_at}");
    let mut members: Vec<&str> = user.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["created_at", "id", "last_seen_at", "name", "status", "username"], "and nothing secret");

    let ada = TestUser::login(server.address, "ada.l").await;
    assert_eq!(ada.get(&location).await.expect(200).json(), user);
    let mut me = user.clone();
    me["settings"] = json!({"contact_from": "everyone", "send_receipts": true, "show_last_seen": true, "do_not_disturb_until": null});
    assert_eq!(ada.get("/v1/users/me").await.expect(200).json(), me);

    for name in [json!({}), json!({"name": null})] {
        let mut body = json!({"username": format!("plain{}", name.as_object().unwrap().len()), "password": PASSWORD});
        body.as_object_mut().unwrap().extend(name.as_object().unwrap().clone());
        let user = post(server.address, "/v1/users/register", &body).await.expect(201).json();
        assert_eq!(user["name"], body["username"], "without a name, the username is the name");
    }
    // The bounds are inclusive.
    for (username, name, password) in [
        ("ab", "x".to_owned(), "8 chars.".to_owned()),
        (&"u".repeat(32), "é".repeat(64), "🔑".repeat(256)),
        ("A-Z_0.9", "👩‍🚀 Ada".to_owned(), "\t new\nlines \u{1} ok ".to_owned()),
    ] {
        let body = json!({"username": username, "name": name, "password": password});
        post(server.address, "/v1/users/register", &body).await.expect(201);
        post(server.address, "/v1/users/login", &body).await.expect(200);
    }
}

#[tokio::test]
async fn every_field_that_is_refused_is_named() {
    let server = Server::start().await;
    let ada = server.register("ada").await;
    let register = async |body| refused_fields(&post(server.address, "/v1/users/register", &body).await);
    assert_eq!(register(json!({})).await, ["username", "password"]);
    assert_eq!(register(json!({"username": 1, "name": [], "password": "long enough"})).await, ["name", "username"]);
    let values = register(json!({"username": "a b", "name": "\u{7}", "password": "short"})).await;
    assert_eq!(values, ["username", "name", "password"]);
    assert_eq!(register(json!({"username": "a b", "password": "short"})).await, ["username", "password"]);

    let conversations = async |body| refused_fields(&ada.post("/v1/conversations", &body).await);
    assert_eq!(conversations(json!({"type": "x", "name": "", "member_ids": []})).await, ["type", "name"]);
    assert_eq!(conversations(json!({"type": "direct", "name": "x", "member_ids": []})).await, ["member_ids", "name"]);
    assert_eq!(conversations(json!({"member_ids": ["x"]})).await, ["member_ids[0]", "type"]);
    let room = ada.group("Lunch", &[]).await;
    let sent = ada.post(&room.messages, &json!({"content": " ", "type": "image"})).await;
    assert_eq!(refused_fields(&sent), ["type", "content"]);
    assert_eq!(refused_fields(&ada.get("/v1/users?limit=0&cursor=%20&q=a").await), ["limit"]);
    let listed = ada.get(&format!("{}?limit=x&before_seq=y&after_seq=1", room.messages)).await;
    assert_eq!(refused_fields(&listed), ["limit", "before_seq"]);
    let changed = ada.patch("/v1/users/me", &json!({"name": "", "password": "short"})).await;
    assert_eq!(refused_fields(&changed), ["name", "password", "current_password"]);

    let mut socket = ada.connect("/ws").await;
    for (frame, fields) in [
        (json!({"type": "message.send"}), &["conversation_id", "content"][..]),
        (json!({"type": "message.send", "id": 1, "content": 2}), &["content", "id"]),
        (json!({"type": "message.edit", "conversation_id": room.id}), &["message_id", "content"]),
    ] {
        socket.send(&frame).await;
        let errors = socket.next_of(&["error"]).await["errors"].clone();
        let named: Vec<&str> =
            errors.as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect();
        assert_eq!(named, fields, "{frame}");
    }
}

async fn a_username_is_taken_whatever_its_case(store: StoreKind) {
    let server = Server::on(store).await;
    let ada = server.register("Ada").await;
    for username in ["Ada", "ada", "ADA"] {
        let body = json!({"username": username, "password": "something else"});
        let taken = post(server.address, "/v1/users/register", &body).await;
        assert_eq!(taken.problem(), (409, "username_taken".to_owned()));
        let login = json!({"username": username, "password": PASSWORD});
        let tokens = post(server.address, "/v1/users/login", &login).await.expect(200).json();
        assert_eq!((&tokens["user"]["id"], &tokens["user"]["username"]), (&json!(ada.id), &json!("Ada")));
    }
    assert_eq!(ada.get("/v1/users").await.json()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_login_never_judges_shapes() {
    let server = Server::start().await;
    server.register("ada").await;
    let mut answers = Vec::new();
    for (username, password) in [
        ("ada", "the wrong one"),
        ("ada", ""),
        ("ada", &PASSWORD.to_uppercase()),
        ("ada", &"x".repeat(1_000)),
        ("ada", "correct horse\0"),
        ("nobody", PASSWORD),
        ("", PASSWORD),
        ("a", PASSWORD),
        ("no such name", PASSWORD),
        ("ada\0", PASSWORD),
        (&"x".repeat(1_000), PASSWORD),
        ("' OR 1=1 --", PASSWORD),
    ] {
        let body = json!({"username": username, "password": password});
        let answer = post(server.address, "/v1/users/login", &body).await;
        assert_eq!(answer.problem(), (401, "bad_credentials".to_owned()), "{body}");
        answers.push(nameless(&answer));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

async fn whoever_is_logged_in_finds_everybody(store: StoreKind) {
    let server = Server::on(store).await;
    for (username, name) in [
        ("joan", "Joan"),
        ("Ada", "Lovelace, Ada"),
        ("grace", "Grace Hopper 100%"),
        ("b_b", "Underscore"),
        ("bxb", "100 reasons"),
        ("zoe", "Élodie"),
    ] {
        let body = json!({"username": username, "name": name, "password": PASSWORD});
        post(server.address, "/v1/users/register", &body).await.expect(201);
    }
    let ada = TestUser::login(server.address, "ada").await;
    let sorted = ["Ada", "b_b", "bxb", "grace", "joan", "zoe"];
    let all = ada.get("/v1/users").await.expect(200).json();
    assert_eq!(each(&all, "/username"), sorted, "by username, whatever its case");
    assert_eq!(all["next"], Value::Null);

    for (limit, lengths) in [(1, &[1, 1, 1, 1, 1, 1][..]), (4, &[4, 2]), (200, &[6])] {
        let (found, got) = pages(&ada, &format!("/v1/users?limit={limit}"), "/username").await;
        assert_eq!(found, sorted, "no duplicates and no gaps");
        assert_eq!(got.into_iter().filter(|length| *length > 0).collect::<Vec<_>>(), lengths);
    }
    for (q, expected) in [
        ("a", &["Ada"][..]),
        ("ADA", &["Ada"]),
        ("lovelace", &["Ada"]),
        ("da", &[]),
        ("b", &["b_b", "bxb"]),
        ("b_", &["b_b"]),
        ("%25", &[]),
        ("_", &[]),
        ("b%25", &[]),
        ("*", &[]),
        ("100", &["bxb", "grace"]),
        ("hop", &["grace"]),
        ("%40grace", &["grace"]),
        ("%40hopper", &[]),
        ("hop+gra", &["grace"]),
        ("elodie", &["zoe"]),
        ("E%CC%81LO", &["zoe"]),
        ("grace+100%25", &["grace"]),
        ("ada+grace", &[]),
        ("%C3%A9lo", &["zoe"]),
        ("", &sorted),
        ("%27%20OR%201=1", &[]),
        ("%5C", &[]),
    ] {
        let found = ada.get(&format!("/v1/users?q={q}")).await.expect(200).json();
        assert_eq!(each(&found, "/username"), expected, "{q}");
    }
    let (found, _) = pages(&ada, "/v1/users?q=b&limit=1", "/username").await;
    assert_eq!(found, ["b_b", "bxb"], "a search has pages as well");

    for missing in ["0199a000-0000-7000-8000-000000000000", "nonsense", "0"] {
        let answer = ada.get(&format!("/v1/users/{missing}")).await;
        assert_eq!(answer.problem(), (404, "not_found".to_owned()), "{missing}");
    }
    assert_eq!(get(server.address, "/v1/users").await.problem(), (401, "unauthorized".to_owned()));
}

async fn people_change_their_names(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let changed = ada.patch("/v1/users/me", &json!({"name": "  Countess  "})).await.expect(200).json();
    assert_eq!((&changed["name"], &changed["username"]), (&json!("Countess"), &json!("ada")));
    let seen = grace.get(&format!("/v1/users/{}", ada.id)).await.expect(200).json();
    assert_eq!(seen["name"], "Countess");
    for nothing in [json!({}), json!({"name": null, "username": "other"})] {
        assert_eq!(ada.patch("/v1/users/me", &nothing).await.expect(200).json(), changed, "nothing to change");
    }
}

async fn a_new_password_takes_the_old_one_and_ends_the_other_sessions(store: StoreKind) {
    let server = Server::on(store).await;
    let ada = server.register("ada").await;
    let elsewhere = TestUser::login(server.address, "ada").await;
    let new = "a new one entirely";
    for (change, field) in [
        (json!({"password": new}), "current_password"),
        (json!({"password": new, "current_password": "wrong"}), "current_password"),
        (json!({"password": "short", "current_password": PASSWORD}), "password"),
        (json!({"password": "PassWord1", "current_password": PASSWORD}), "password"),
        (json!({"password": new, "current_password": PASSWORD, "name": " "}), "name"),
    ] {
        let refused = ada.patch("/v1/users/me", &change).await;
        assert_eq!(refused_fields(&refused), [field], "{change}");
    }
    elsewhere.get("/v1/users/me").await.expect(200);
    TestUser::login(server.address, "ada").await;

    let change = json!({"password": new, "current_password": PASSWORD});
    ada.patch("/v1/users/me", &change).await.expect(200);
    ada.get("/v1/users/me").await.expect(200);
    assert_eq!(elsewhere.get("/v1/users/me").await.problem(), (401, "session_ended".to_owned()));
    let refresh = json!({"refresh_token": elsewhere.refresh_token});
    assert_eq!(post(server.address, "/v1/users/refresh", &refresh).await.problem().1, "session_ended");
    for (password, status) in [(PASSWORD, 401), (new, 200)] {
        let body = json!({"username": "ada", "password": password});
        post(server.address, "/v1/users/login", &body).await.expect(status);
    }
}

async fn a_password_is_neither_common_nor_the_username(store: StoreKind) {
    let server = Server::on_with(store, &["--rate-limits", "off"]).await;
    for (username, password) in [
        ("ada", "12345678"),
        ("ada", "PASSWORD1"),
        ("ada", "ｐａｓｓｗｏｒｄ"),
        ("ada.lovelace", "Ada.Lovelace"),
        ("ada", "1234567"),
        ("ada", &"x".repeat(257)),
        ("ada", "nul\0 in it"),
    ] {
        let body = json!({"username": username, "password": password});
        assert_eq!(refused_fields(&post(server.address, "/v1/users/register", &body).await), ["password"], "{body}");
    }
    let ada = server.register("ada.lovelace").await;
    for password in ["ada.LOVELACE", "iloveyou"] {
        let change = json!({"password": password, "current_password": PASSWORD});
        assert_eq!(refused_fields(&ada.patch("/v1/users/me", &change).await), ["password"], "{password}");
    }
}

/// The same words with é as one character and as two.
const COMPOSED: &str = "Zo\u{e9} und ich";
const DECOMPOSED: &str = "Zoe\u{301} und ich";

async fn login_status(server: &Server, username: &str, password: &str) -> u16 {
    let body = json!({"username": username, "password": password});
    post(server.address, "/v1/users/login", &body).await.status
}

async fn a_password_is_one_however_it_is_typed(store: StoreKind) {
    let server = Server::on(store).await;
    for (username, password) in [("ada", COMPOSED), ("grace", DECOMPOSED)] {
        let body = json!({"username": username, "password": password});
        post(server.address, "/v1/users/register", &body).await.expect(201);
        for typed in [COMPOSED, DECOMPOSED] {
            assert_eq!(login_status(&server, username, typed).await, 200, "{username} {typed}");
        }
        assert_eq!(login_status(&server, username, "Zoe und ich").await, 401);
    }
}

async fn an_old_hash_is_replaced_by_the_next_login(store: StoreKind) {
    let (server, held_store) = Server::held(store).await;
    let old = Argon2::default().hash_password(DECOMPOSED.as_bytes()).unwrap().to_string();
    let user = User {
        id: UserId::new(),
        username: Username::parse("zoe").unwrap(),
        name: Name::parse("Zoe").unwrap(),
        created_at: Timestamp::now(),
        last_seen_at: None,
    };
    held_store.insert_user(&user, &old).await.unwrap();
    assert_eq!(login_status(&server, "zoe", COMPOSED).await, 401, "the hash is of another text");
    assert_eq!(login_status(&server, "zoe", DECOMPOSED).await, 200);
    assert_ne!(held_store.password_hash(user.id).await.unwrap(), Some(old));
    for typed in [COMPOSED, DECOMPOSED] {
        assert_eq!(login_status(&server, "zoe", typed).await, 200, "{typed}");
    }
}

#[tokio::test]
async fn changes_of_a_password_are_limited_also_with_the_right_one() {
    let server = Server::start().await;
    let ada = server.register("ada").await;
    let mut present = PASSWORD.to_owned();
    let mut refused = None;
    for number in 0..=LOGIN_FAILURES.burst + 1 {
        let next = format!("password number {number}");
        let answer = ada.patch("/v1/users/me", &json!({"password": next, "current_password": present})).await;
        if answer.status == 429 {
            refused = Some(number);
            break;
        }
        answer.expect(200);
        present = next;
    }
    // At most one attempt comes back meanwhile.
    assert!(refused.is_some_and(|number| number >= LOGIN_FAILURES.burst), "{refused:?}");
    ada.patch("/v1/users/me", &json!({"name": "Ada still"})).await.expect(200);
    assert_eq!(login_status(&server, "ada", &present).await, 200, "logins have attempts of their own");
}
