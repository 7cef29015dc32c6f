//! Login, refresh and logout.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chinwag::domain::session::SessionKey;
use chinwag::domain::{SessionId, Timestamp, UserId};
use chinwag::store::Users;
use hyper::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, interval};
use uuid::Uuid;

use crate::support::client::{PASSWORD, Response, TestUser, get, post, send_request};
use crate::support::postgres::database;
use crate::support::server::{Server, StoreKind};
use crate::support::socket::TEST_TIMEOUT;

on_each_store! {
    a_refresh_continues_the_session,
    two_tabs_that_refresh_at_once_get_the_same_successor,
    a_refresh_token_used_late_ends_the_session,
    an_old_refresh_token_ends_the_session,
    a_logout_ends_the_session_and_only_that,
    a_login_with_a_password_that_changes_meanwhile_is_refused,
}

pub(super) async fn refresh(server: &Server, refresh_token: &Value) -> Response {
    post(server.address, "/v1/users/refresh", &json!({"refresh_token": refresh_token})).await
}

pub(super) async fn me(server: &Server, authorization: &str) -> Response {
    send_request(server.address, Method::GET, "/v1/users/me", &[("authorization", authorization)], "").await
}

pub(super) fn bearer(tokens: &Value) -> String {
    format!("Bearer {}", tokens["access_token"].as_str().unwrap())
}

/// Checks for 401 with this code, and for the challenge that belongs to it.
#[track_caller]
pub(super) fn assert_challenged(answer: &Response, code: &str) {
    assert_eq!(answer.problem(), (401, code.to_owned()));
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
}

async fn a_refresh_continues_the_session(store: StoreKind) {
    let server = Server::on(store).await;
    server.register("ada").await;
    let login = json!({"username": "ada", "password": PASSWORD});
    let first = post(server.address, "/v1/users/login", &login).await.expect(200).json();
    assert_eq!((&first["token_type"], &first["expires_in"]), (&json!("bearer"), &json!(900)));
    assert_eq!(first["user"]["username"], "ada");

    let second = refresh(&server, &first["refresh_token"]).await.expect(200).json();
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert_eq!((&second["user"], &second["expires_in"]), (&first["user"], &json!(900)));
    for _ in 0..2 {
        let again = refresh(&server, &first["refresh_token"]).await.expect(200).json();
        assert_eq!(again["refresh_token"], second["refresh_token"], "two tabs, or an answer that was lost");
        me(&server, &bearer(&again)).await.expect(200);
    }
    let third = refresh(&server, &second["refresh_token"]).await.expect(200).json();
    assert_ne!(third["refresh_token"], second["refresh_token"]);
    for tokens in [&first, &second, &third] {
        me(&server, &bearer(tokens)).await.expect(200);
    }
}

async fn two_tabs_that_refresh_at_once_get_the_same_successor(store: StoreKind) {
    let server = Server::on(store).await;
    let mut token = json!(server.register("ada").await.refresh_token);
    for round in 0..20 {
        let (one, other) = tokio::join!(refresh(&server, &token), refresh(&server, &token));
        let (one, other) = (one.expect(200).json(), other.expect(200).json());
        assert_eq!(one["refresh_token"], other["refresh_token"], "round {round}");
        for tokens in [&one, &other] {
            me(&server, &bearer(tokens)).await.expect(200);
        }
        token = one["refresh_token"].clone();
    }
}

async fn a_refresh_token_used_late_ends_the_session(store: StoreKind) {
    let folder = tempfile::tempdir().unwrap();
    let url = match store {
        StoreKind::Sqlite => format!("sqlite:{}", folder.path().join("chinwag.db").display()),
        StoreKind::Postgres => database().await,
    };
    let server = Server::with(&["--database-url", &url]).await;
    let held_store = chinwag::store::open(&url).await.unwrap();
    for (seconds_ago, in_time) in [(20, true), (31, false)] {
        let ada = server.register(&format!("ada{seconds_ago}")).await;
        let mut socket = ada.connect("/ws").await;
        // The first token was used that long ago, and the response was lost.
        let now = Timestamp::now();
        let (then, expires_at) = (Timestamp(now.0 - seconds_ago * 1_000_000), now.plus(Duration::from_secs(3_600)));
        assert!(held_store.rotate_session(session_key(&ada), 0, then, expires_at).await.unwrap());
        let late = refresh(&server, &json!(ada.refresh_token)).await;
        if in_time {
            late.expect(200);
            socket.send(&json!({"type": "ping"})).await;
            assert_eq!(socket.until("pong").await.1, None);
        } else {
            assert_challenged(&late, "session_ended");
            assert_eq!(socket.until("pong").await.1, Some(4504));
            assert_challenged(&ada.get("/v1/users/me").await, "session_ended");
        }
    }
}

/// Returns the session of a user's tokens: the first bytes of the refresh token.
pub(super) fn session_id(user: &TestUser) -> SessionId {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(&user.refresh_token).unwrap();
    SessionId(Uuid::from_slice(&bytes[..16]).unwrap())
}

/// Returns the key of the same session.
pub(super) fn session_key(user: &TestUser) -> SessionKey {
    SessionKey { user_id: UserId::parse(&user.id).unwrap(), id: session_id(user) }
}

async fn an_old_refresh_token_ends_the_session(store: StoreKind) {
    let server = Server::on(store).await;
    let ada = server.register("ada").await;
    let elsewhere = TestUser::login(server.address, "ada").await;
    let first = json!(ada.refresh_token);
    let second = refresh(&server, &first).await.expect(200).json();
    let third = refresh(&server, &second["refresh_token"]).await.expect(200).json();
    assert_challenged(&refresh(&server, &first).await, "session_ended");
    for old in [&first, &second["refresh_token"], &third["refresh_token"]] {
        assert_challenged(&refresh(&server, old).await, "session_ended");
    }
    for authorization in [format!("Bearer {}", ada.token), bearer(&second), bearer(&third)] {
        assert_challenged(&me(&server, &authorization).await, "session_ended");
    }
    elsewhere.get("/v1/users/me").await.expect(200);
}

async fn a_logout_ends_the_session_and_only_that(store: StoreKind) {
    let server = Server::on(store).await;
    let ada = server.register("ada").await;
    let elsewhere = TestUser::login(server.address, "ada").await;
    let renewed = refresh(&server, &json!(ada.refresh_token)).await.expect(200).json();
    let out = ada.post("/v1/users/logout", &json!({})).await.expect(204);
    assert!(out.body.is_empty());
    assert_challenged(&ada.get("/v1/users/me").await, "session_ended");
    assert_challenged(&me(&server, &bearer(&renewed)).await, "session_ended");
    assert_challenged(&refresh(&server, &renewed["refresh_token"]).await, "session_ended");
    assert_challenged(&refresh(&server, &json!(ada.refresh_token)).await, "session_ended");
    assert_challenged(&ada.post("/v1/users/logout", &json!({})).await, "session_ended");
    elsewhere.get("/v1/users/me").await.expect(200);
    refresh(&server, &json!(elsewhere.refresh_token)).await.expect(200);
}

async fn a_login_with_a_password_that_changes_meanwhile_is_refused(store: StoreKind) {
    let (server, held_store) = Server::held(store).await;
    let ada = server.register("ada").await;
    let mut present = PASSWORD;
    // The password changes after the login has read the old one, or after the session is inserted.
    for (method, next) in [("credentials", "the second password"), ("insert_session", "the third password")] {
        let mut hold = held_store.hold(method, 1);
        let (address, body) = (server.address, json!({"username": "ada", "password": present}));
        let login = tokio::spawn(async move { post(address, "/v1/users/login", &body).await });
        hold.reached().await;
        let change = json!({"current_password": present, "password": next});
        ada.patch("/v1/users/me", &change).await.expect(200);
        hold.release();
        assert_eq!(login.await.unwrap().problem(), (401, "bad_credentials".to_owned()), "{method}");
        // The response to a password change lists the other sessions that it ends.
        let user_id = UserId::parse(&ada.id).unwrap();
        let hash = held_store.password_hash(user_id).await.unwrap().unwrap();
        let others = held_store.change_password(user_id, &hash, &hash, session_id(&ada), Timestamp::now()).await;
        assert_eq!(others, Ok(vec![]), "{method}: its session has ended");
        present = next;
    }
    ada.get("/v1/users/me").await.expect(200);
}

#[tokio::test]
async fn an_access_token_expires_and_a_refresh_token_helps() {
    let server = Server::with(&["--access-token-ttl", "1s"]).await;
    let ada = server.register("ada").await;
    let (deadline, mut pause) = (Instant::now() + TEST_TIMEOUT, interval(Duration::from_millis(50)));
    let expired = loop {
        pause.tick().await;
        let answer = ada.get("/v1/users/me").await;
        if answer.status != 200 {
            break answer;
        }
        assert!(Instant::now() < deadline, "it never expires");
    };
    assert_challenged(&expired, "token_expired");
    let renewed = refresh(&server, &json!(ada.refresh_token)).await.expect(200).json();
    assert_eq!(renewed["expires_in"], 1);
    assert_ne!(renewed["access_token"], ada.token.as_str());
}

#[tokio::test]
async fn made_up_tokens_are_refused() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (hers, theirs) = (parts(&ada.token), parts(&grace.token));
    let mut flipped = ada.token.clone().into_bytes();
    let middle = hers[0].len() + hers[1].len() / 2;
    flipped[middle] = if flipped[middle] == b'A' { b'B' } else { b'A' };
    let unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0"; // {"alg":"none","typ":"JWT"}
    for token in [
        "",
        "nonsense",
        "a.b.c",
        "..",
        &ada.token[..ada.token.len() - 1],
        &format!("{}.", ada.token),
        &format!("{}.{}.{}", hers[0], theirs[1], hers[2]),
        &format!("{unsigned}.{}.", hers[1]),
        &format!("{unsigned}.{}.{}", hers[1], hers[2]),
        &String::from_utf8(flipped).unwrap(),
        &ada.refresh_token,
    ] {
        assert_challenged(&me(&server, &format!("Bearer {token}")).await, "unauthorized");
    }
    for authorization in [
        ada.token.clone(),
        format!("Basic {}", ada.token),
        format!("Bearer{}", ada.token),
        format!("Token {}", ada.token),
        "Bearer".to_owned(),
        format!("Bearer {} {}", ada.token, ada.token),
    ] {
        assert_challenged(&me(&server, &authorization).await, "unauthorized");
    }
    assert_challenged(&get(server.address, "/v1/users/me").await, "unauthorized");
    me(&server, &format!("bEARER {}", ada.token)).await.expect(200);

    let mut forged = ada.refresh_token.clone().into_bytes();
    forged[30] = if forged[30] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    for token in ["", "nonsense", "AAAA", "é", "\0", &forged, &ada.token] {
        assert_challenged(&refresh(&server, &json!(token)).await, "unauthorized");
    }
    refresh(&server, &json!(ada.refresh_token)).await.expect(200);
}

#[tokio::test]
async fn a_login_takes_as_long_whether_the_username_exists_or_not() {
    const TRIES: usize = 5;
    let server = Server::with(&["--rate-limits", "off"]).await;
    server.register("ada").await;
    // A wrong password, an unknown username, and an invalid username.
    let usernames = ["ada", "grace", "no such name"];
    let mut times = usernames.map(|_| Vec::new());
    for _ in 0..TRIES {
        // Interleaved, so that the load of the machine affects all three alike.
        for (username, times) in usernames.iter().zip(&mut times) {
            let body = json!({"username": username, "password": "wrong horse"});
            let started = Instant::now();
            let answer = post(server.address, "/v1/users/login", &body).await;
            times.push(started.elapsed());
            assert_eq!(answer.problem(), (401, "bad_credentials".to_owned()));
        }
    }
    let [wrong, unknown, impossible] = times.map(|mut times| {
        times.sort_unstable();
        times[TRIES / 2]
    });
    // Without a hash, a response takes a fortieth of that.
    let least = wrong / 3;
    assert!(unknown > least && impossible > least, "{wrong:?} wrong, {unknown:?} unknown, {impossible:?} impossible");
}

#[tokio::test]
async fn logins_are_limited_unless_that_is_lifted() {
    let (limited, lifted) = (Server::start().await, Server::with(&["--rate-limits", "off"]).await);
    for username in ["ada", "grace"] {
        let body = json!({"username": username, "password": PASSWORD});
        post(limited.address, "/v1/users/register", &body).await.expect(201);
    }
    let wrong = |username: &str| json!({"username": username, "password": "wrong"});
    let mut refused = None;
    for _ in 0..40 {
        let answer = post(limited.address, "/v1/users/login", &wrong("ada")).await;
        // With a long wait, so that the next login is refused too, however slow this machine is.
        if answer.status == 429 {
            refused = Some(answer).filter(|answer| answer.json()["retry_after_ms"].as_u64().unwrap() > 5_000);
            if refused.is_some() {
                break;
            }
            continue;
        }
        assert_eq!(answer.problem(), (401, "bad_credentials".to_owned()));
    }
    let refused = refused.expect("wrong passwords for one username are limited");
    assert_eq!(refused.problem(), (429, "rate_limited".to_owned()));
    let (wait_ms, wait) = (refused.json()["retry_after_ms"].as_u64().unwrap(), refused.header("retry-after").unwrap());
    assert_eq!(wait.parse::<u64>().unwrap(), wait_ms.div_ceil(1_000));
    assert!(wait_ms > 0 && refused.json()["retryable"] == true, "{refused:?}");
    let right = json!({"username": "ADA", "password": PASSWORD});
    assert_eq!(post(limited.address, "/v1/users/login", &right).await.status, 429, "the right one tells nothing now");
    TestUser::login(limited.address, "grace").await;

    let mut statuses = Vec::new();
    for number in 0..40 {
        statuses.push(post(limited.address, "/v1/users/login", &wrong(&format!("nobody{number}"))).await.status);
    }
    assert!(statuses[0] == 401 && statuses.contains(&429), "an address is limited as well: {statuses:?}");
    get(limited.address, "/health").await.expect(200);

    for _ in 0..40 {
        post(lifted.address, "/v1/users/login", &wrong("ada")).await.expect(401);
    }
}

#[tokio::test]
async fn an_address_is_the_one_that_trusted_proxies_name() {
    let (direct, held_store) = (Server::start().await, Server::with(&["--trusted-proxies", "127.0.0.0/8"]).await);
    // The body is refused, but the login was counted before.
    let call = async |server: &Server, forwarded: String| {
        let headers = [("content-type", "application/json"), ("x-forwarded-for", forwarded.as_str())];
        send_request(server.address, Method::POST, "/v1/users/register", &headers, "{}").await.status
    };
    for (server, written_by) in
        [(&direct, ""), (&held_store, ", 198.51.100.7"), (&held_store, ", [2001:db8::7]:443, 127.0.0.9")]
    {
        let mut statuses = Vec::new();
        for number in 0..40 {
            statuses.push(call(server, format!("192.0.2.{number}{written_by}")).await);
        }
        let (first, limited) = (statuses[0], statuses.contains(&429));
        assert_eq!((first, limited), (422, true), "no other address helps: {written_by}: {statuses:?}");
    }
    assert_eq!(call(&held_store, "198.51.100.8".to_owned()).await, 422, "each client has its own");
    assert_eq!(call(&held_store, "2001:db8::ffff".to_owned()).await, 429, "and a whole IPv6 network is one");
}
