//! Logins, refresh tokens and tickets on a database that counts as distributed by user.

use std::sync::Arc;
use std::time::Duration;

use chinwag::auth::Tokens;
use chinwag::domain::session::Session;
use chinwag::domain::{Timestamp, UserId};
use chinwag::store::postgres::Postgres;
use chinwag::store::{Sessions, Users};
use serde_json::{Value, json};

use crate::postgres::user;
use crate::support::citus::{count_as_distributed, distributed_database};
use crate::support::client::{Response, TestUser, post};
use crate::support::lock_holder::LockHolder;
use crate::support::postgres::database;
use crate::support::server::Server;
use crate::support::socket::Socket;

const SECRET: &str = "a secret that a test knows as well as the server";

async fn refresh(server: &Server, token: &Value) -> Response {
    post(server.address, "/v1/users/refresh", &json!({"refresh_token": token})).await
}

/// Returns the user whom a refresh token names.
fn named_by(token: &Value) -> Option<String> {
    let tokens = Tokens::new(SECRET.as_bytes(), Duration::from_secs(60));
    tokens.parse_refresh(token.as_str().unwrap()).unwrap().user_id.map(|id| id.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_name_their_user_and_those_from_before_are_valid() {
    let url = database().await;
    let arguments = ["--database-url", &url, "--jwt-secret", SECRET];
    let server = Server::with(&arguments).await;
    let ada = server.register("ada").await;
    assert_eq!(named_by(&json!(ada.refresh_token)), None, "a node of an older release may be given it");
    server.stopped().await;

    count_as_distributed(&url).await;
    let server = Server::with(&arguments).await;
    let refreshed = refresh(&server, &json!(ada.refresh_token)).await.expect(200).json();
    assert_eq!(named_by(&refreshed["refresh_token"]), Some(ada.id.clone()));
    let again = refresh(&server, &json!(ada.refresh_token)).await.expect(200).json();
    assert_eq!(again["refresh_token"], refreshed["refresh_token"], "the answer may have been lost");
    refresh(&server, &refreshed["refresh_token"]).await.expect(200);
    let replayed = refresh(&server, &json!(ada.refresh_token)).await;
    assert_eq!(replayed.problem(), (401, "session_ended".to_owned()));

    let ada = TestUser::login(server.address, "ada").await;
    let ticket = ada.post("/v1/tickets", &json!({})).await.expect(201).json();
    let path = format!("/ws?ticket={}", ticket["ticket"].as_str().unwrap());
    assert_eq!(Socket::open(ada.address, &path, &[]).await.unwrap().next().await["type"], "hello");
    assert_eq!(Socket::open(ada.address, &path, &[]).await.unwrap().close_code().await, 4500, "once");
    ada.post("/v1/users/logout", &json!({})).await.expect(204);
    assert_eq!(refresh(&server, &json!(ada.refresh_token)).await.problem(), (401, "session_ended".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_during_a_change_of_the_password_is_ended_too() {
    let url = distributed_database().await;
    let store = Arc::new(Postgres::open(&url).await.unwrap());
    let ada: UserId = user(&store, "ada").await;
    let hash = store.password_hash(ada).await.unwrap().unwrap();
    let now = Timestamp::now();
    let session = || Session::new(ada, now, now.plus(Duration::from_secs(3_600)));
    let (keep, late) = (session(), session());
    store.insert_session(&keep).await.unwrap();
    let holder = LockHolder::of_commits(&url, "users").await;
    let changing = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.change_password(ada, &hash, "new", keep.id, now).await }
    });
    holder.waits(1).await;
    store.insert_session(&late).await.unwrap();
    holder.commit("SELECT 1").await;
    assert_eq!(changing.await.unwrap(), Ok(vec![late.id]));
}
