//! Sessions that end in unusual ways: many in one moment, by their greatest age, around a restored backup, and logins at once.

use std::time::{Duration, Instant};

use argon2::Argon2;
use argon2::password_hash::PasswordHasher;
use chinwag::auth::Tokens;
use chinwag::domain::account::AccountChange;
use chinwag::domain::session::{Session, SessionKey};
use chinwag::domain::user::{Name, User, Username};
use chinwag::domain::{Timestamp, UserId};
use chinwag::limits;
use chinwag::store::{self, Accounts, Sessions, Users};
use serde_json::json;

use crate::support::client::post;
use crate::support::operated::empty_database;
use crate::support::server::{Server, StoreKind};

on_each_store! {
    sockets_close_within_5_seconds_however_many_sessions_end,
    a_session_that_is_over_closes_its_sockets,
    a_refresh_token_from_after_a_restored_backup_goes_on,
    two_logins_at_once_with_an_old_hash_both_succeed,
}

/// The session of an access token.
fn session_of(secret: &str, access_token: &str) -> SessionKey {
    Tokens::new(secret.as_bytes(), Duration::from_secs(60)).caller(access_token).unwrap().session_key()
}

const SECRET: &str = "one secret for all the nodes there are";

async fn sockets_close_within_5_seconds_however_many_sessions_end(store: StoreKind) {
    let (server, held_store) = Server::held_with(store, &["--jwt-secret", SECRET, "--rate-limits", "off"]).await;
    let (now, mut others) = (Timestamp::now(), Vec::new());
    while others.len() <= limits::RECONCILE_PAGE {
        let (id, name) = (UserId::new(), format!("user{}", others.len()));
        let (username, name) = (Username::parse(&name).unwrap(), Name::parse(&name).unwrap());
        held_store
            .insert_user(&User { id, username, name, created_at: now, last_seen_at: None }, "hash")
            .await
            .unwrap();
        for _ in 0..limits::SESSIONS_PER_USER_MAX {
            let session = Session::new(id, now, now.plus(Duration::from_secs(3_600)));
            held_store.insert_session(&session).await.unwrap();
            others.push(session.key());
        }
    }
    let ada = server.register("ada").await;
    let mut socket = ada.connect("/ws").await;
    let hers = session_of(SECRET, &ada.token);
    assert!(others.iter().all(|other| other.id < hers.id), "hers is the last of them");
    // All end in one moment, beside the server.
    let at = Timestamp::now();
    for key in others.into_iter().chain([hers]) {
        held_store.end_session(key, at).await.unwrap();
    }
    let since = Instant::now();
    assert_eq!(socket.until("a frame that never comes").await.1, Some(4504));
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
}

async fn a_session_that_is_over_closes_its_sockets(kind: StoreKind) {
    let (url, _folder) = empty_database(kind).await;
    let server = Server::configured(&["--database-url", &url, "--jwt-secret", SECRET], |config| {
        config.heartbeat = Duration::from_millis(500);
    })
    .await;
    let ada = server.register("ada").await;
    let mut socket = ada.connect("/ws").await;
    let store = store::open(&url).await.unwrap();
    // The access token is valid for a quarter of an hour, and the session for a second.
    let (key, now) = (session_of(SECRET, &ada.token), Timestamp::now());
    assert!(store.rotate_session(key, 0, now, now.plus(Duration::from_secs(1))).await.unwrap());
    assert_eq!(socket.until("a frame that never comes").await.1, Some(4504));
    assert_eq!(ada.open("/ws").await.close_code().await, 4504);
}

async fn a_refresh_token_from_after_a_restored_backup_goes_on(store: StoreKind) {
    let server = Server::on_with(store, &["--jwt-secret", SECRET]).await;
    let ada = server.register("ada").await;
    let key = session_of(SECRET, &ada.token);
    let token = |generation| json!({"refresh_token": Tokens::new(SECRET.as_bytes(), Duration::from_secs(60)).refresh(key, generation)});
    // The client refreshed five times after the backup.
    let refreshed = post(server.address, "/v1/users/refresh", &token(5)).await.expect(200).json();
    assert_eq!(refreshed["refresh_token"], token(6)["refresh_token"]);
    post(server.address, "/v1/users/refresh", &token(6)).await.expect(200);
    // An older token was replaced, and ends the session as ever.
    let replayed = post(server.address, "/v1/users/refresh", &token(3)).await;
    assert_eq!(replayed.problem(), (401, "session_ended".to_owned()));
}

async fn two_logins_at_once_with_an_old_hash_both_succeed(store: StoreKind) {
    const DECOMPOSED: &str = "Zoe\u{301} und ich";
    let (server, held_store) = Server::held(store).await;
    let ada = server.register("ada").await;
    let id = UserId::parse(&ada.id).unwrap();
    // The hash of a password that was not normalized, as before schema 10.
    let hash = Argon2::default().hash_password(DECOMPOSED.as_bytes()).unwrap().to_string();
    let change = AccountChange { password_hash: Some(hash), ..AccountChange::default() };
    held_store.change_account(id, &change, Timestamp::now()).await.unwrap().unwrap();
    let address = server.address;
    let body = json!({"username": "ada", "password": DECOMPOSED});
    // The second login has compared the old hash when the first one replaces it.
    let mut hold = held_store.hold("insert_session", 1);
    let (slow, same) = (body.clone(), body.clone());
    let slow = tokio::spawn(async move { post(address, "/v1/users/login", &slow).await });
    hold.reached().await;
    post(address, "/v1/users/login", &same).await.expect(200);
    hold.release();
    slow.await.unwrap().expect(200);
    let wrong = json!({"username": "ada", "password": "Zoe\u{301} und du"});
    assert_eq!(post(address, "/v1/users/login", &wrong).await.problem().1, "bad_credentials");
}
