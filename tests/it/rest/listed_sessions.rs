//! Sessions as their user sees and ends them, and sessions that end by their age.

use std::sync::Arc;
use std::time::Duration;

use chinwag::auth::Tokens;
use chinwag::domain::session::{Session, SessionKey};
use chinwag::domain::{Timestamp, UserId};
use chinwag::limits::SESSION_AGE_MAX;
use chinwag::store::Sessions;
use hyper::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::sessions::{assert_challenged, bearer, me, refresh, session_id, session_key};
use super::{each, pages};
use crate::support::client::{PASSWORD, TestUser, send_request};
use crate::support::held_store::HeldStore;
use crate::support::server::{Server, StoreKind};

on_each_store! {
    one_sees_where_one_is_logged_in_and_ends_it,
    a_session_has_a_greatest_age,
    expired_sessions_are_swept_by_logins,
}

/// Logs in with a `User-Agent`.
async fn login_as(server: &Server, username: &str, user_agent: &str) -> TestUser {
    let headers = [("content-type", "application/json"), ("user-agent", user_agent)];
    let body = json!({"username": username, "password": PASSWORD}).to_string();
    let tokens = send_request(server.address, Method::POST, "/v1/users/login", &headers, body).await.expect(200).json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    TestUser {
        address: server.address,
        id: text(&tokens["user"]["id"]),
        token: text(&tokens["access_token"]),
        refresh_token: text(&tokens["refresh_token"]),
    }
}

async fn one_sees_where_one_is_logged_in_and_ends_it(store: StoreKind) {
    let server = Server::on(store).await;
    let (grace, plain) = (server.register("grace").await, server.register("ada").await);
    let (phone, laptop) = (login_as(&server, "ada", "Phone").await, login_as(&server, "ada", &"x".repeat(1_000)).await);
    let list = async |user: &TestUser| user.get("/v1/users/me/sessions").await.expect(200).json();
    let sessions = list(&phone).await;
    let ids: Vec<Value> = [&laptop, &phone, &plain].map(|user| json!(session_id(user).to_string())).to_vec();
    assert_eq!(each(&sessions, "/id"), ids, "the latest login first");
    assert_eq!(each(&sessions, "/user_agent"), [json!("x".repeat(200)), json!("Phone"), Value::Null]);
    assert_eq!(each(&sessions, "/current"), [false, true, false]);
    assert_eq!(each(&list(&grace).await, "/id"), [session_id(&grace).to_string()]);
    let mut names: Vec<&String> = sessions["items"][0].as_object().unwrap().keys().collect();
    names.sort_unstable();
    assert_eq!(names, ["created_at", "current", "id", "used_at", "user_agent"]);
    assert_eq!(pages(&phone, "/v1/users/me/sessions?limit=1", "/id").await.0, ids);
    for wrong in ["limit=0", "cursor=!", "cursor=YWRh", "cursor="] {
        phone.get(&format!("/v1/users/me/sessions?{wrong}")).await.expect(422);
    }

    refresh(&server, &json!(laptop.refresh_token)).await.expect(200);
    let used = &list(&phone).await["items"][0];
    assert!(used["used_at"].as_str() > used["created_at"].as_str(), "a refresh is a use: {used}");

    // Another user's session, or none, is not found.
    let path = |id: &str| format!("/v1/users/me/sessions/{id}");
    for id in [session_id(&grace).to_string(), Uuid::now_v7().to_string(), "nonsense".to_owned()] {
        assert_eq!(phone.delete(&path(&id)).await.problem(), (404, "not_found".to_owned()), "{id}");
    }
    let mut socket = laptop.connect("/ws").await;
    phone.delete(&path(&session_id(&laptop).to_string())).await.expect(204);
    assert_eq!(socket.close_code().await, 4504);
    assert_challenged(&laptop.get("/v1/users/me").await, "session_ended");
    assert_challenged(&refresh(&server, &json!(laptop.refresh_token)).await, "session_ended");
    assert_eq!(phone.delete(&path(&session_id(&laptop).to_string())).await.status, 404, "it has ended already");
    assert_eq!(each(&list(&phone).await, "/id"), ids[1..]);
    // One's own, as a logout.
    phone.delete(&path(&session_id(&phone).to_string())).await.expect(204);
    assert_challenged(&phone.get("/v1/users/me").await, "session_ended");
    assert_eq!(each(&list(&plain).await, "/id"), ids[2..]);
    grace.get("/v1/users/me").await.expect(200);
}

/// Inserts a session of a login that was some time ago. Returns its first refresh token.
async fn old_session(
    held_store: &HeldStore,
    user: &TestUser,
    login: Timestamp,
    expires_at: Timestamp,
) -> (SessionKey, String) {
    let session = Session::new(UserId::parse(&user.id).unwrap(), login, expires_at);
    held_store.insert_session(&session).await.unwrap();
    (session.key(), Tokens::new(SECRET.as_bytes(), Duration::from_secs(60)).refresh(session.key(), 0))
}

const SECRET: &str = "a secret that a test knows as well as the server";

async fn held_with_secret(store: StoreKind) -> (Server, Arc<HeldStore>) {
    Server::held_with(store, &["--jwt-secret", SECRET, "--rate-limits", "off"]).await
}

async fn a_session_has_a_greatest_age(store: StoreKind) {
    let (server, held_store) = held_with_secret(store).await;
    let ada = server.register("ada").await;
    let (now, day) = (Timestamp::now(), Duration::from_secs(24 * 3600));
    let login = now.minus(SESSION_AGE_MAX).plus(day);
    let (key, token) = old_session(&held_store, &ada, login, now.plus(day)).await;
    let renewed = refresh(&server, &json!(token)).await.expect(200).json();
    let session = held_store.session(key).await.unwrap().unwrap();
    assert_eq!(session.expires_at, login.plus(SESSION_AGE_MAX), "in a day, and not in thirty");
    me(&server, &bearer(&renewed)).await.expect(200);
    let young = held_store.session(session_key(&ada)).await.unwrap().unwrap();
    assert_eq!(young.expires_at, young.created_at.plus(30 * day));
}

async fn expired_sessions_are_swept_by_logins(store: StoreKind) {
    let (server, held_store) = held_with_secret(store).await;
    let ada = server.register("ada").await;
    let (now, hour) = (Timestamp::now(), Duration::from_secs(3600));
    let (expired, token) = old_session(&held_store, &ada, now.minus(hour), now.minus(Duration::from_secs(1))).await;
    let (live, _) = old_session(&held_store, &ada, now.minus(hour), now.plus(hour)).await;
    assert_challenged(&refresh(&server, &json!(token)).await, "session_ended");
    TestUser::login(server.address, "ada").await;
    assert_eq!(held_store.session(expired).await, Ok(None));
    assert!(held_store.session(live).await.unwrap().is_some());
    assert_challenged(&refresh(&server, &json!(token)).await, "unauthorized");
}
