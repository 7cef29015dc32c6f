//! Tickets: each opens one WebSocket, and is part of its URL.

use serde_json::json;
use tokio::task::JoinSet;

use crate::support::client::{TestUser, post};
use crate::support::postgres::database;
use crate::support::server::{Server, StoreKind};
use crate::support::socket::Socket;

on_each_store! {
    a_ticket_opens_one_socket_once,
    a_ticket_does_not_outlive_its_session,
    a_tickets_socket_belongs_to_its_session,
    tickets_are_limited_unless_that_is_lifted,
}

async fn ticket(user: &TestUser) -> String {
    let given = user.post("/v1/tickets", &json!({})).await.expect(201);
    assert_eq!((given.header("cache-control"), &given.json()["expires_in"]), (Some("no-store"), &json!(30)));
    given.json()["ticket"].as_str().unwrap().to_owned()
}

/// Opens a WebSocket with this query and no other authentication.
async fn with(user: &TestUser, path: &str, ticket: &str) -> Socket {
    let question = if path.contains('?') { '&' } else { '?' };
    Socket::open(user.address, &format!("{path}{question}ticket={ticket}"), &[]).await.unwrap()
}

/// The close of every ticket that is not valid.
fn refused() -> (u16, String) {
    (4500, "ticket unknown, used or expired".to_owned())
}

async fn a_ticket_opens_one_socket_once(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    for path in ["/ws", "/ws?hold=1", &room.socket, &format!("{}?after_seq=0", room.socket)] {
        let ticket = ticket(&ada).await;
        let mut socket = with(&ada, path, &ticket).await;
        let hello = socket.next().await;
        assert_eq!((&hello["type"], &hello["user"]["id"]), (&json!("hello"), &json!(ada.id)), "{path}");
        socket.send(&json!({"type": "ping"})).await;
        socket.next_of(&["pong"]).await;
        for path in [path, "/ws"] {
            assert_eq!(with(&ada, path, &ticket).await.closed().await, refused(), "not twice");
        }
    }
    // One that was made up, and one that another server made, are refused with the same words.
    let elsewhere = Server::start().await;
    let foreign = ticket(&elsewhere.register("ada").await).await;
    for unknown in ["made-up", &foreign] {
        assert_eq!(with(&ada, "/ws", unknown).await.closed().await, refused(), "{unknown}");
    }
    let ticket = ticket(&grace).await;
    let mut opening = JoinSet::new();
    for _ in 0..10 {
        let (grace, ticket) = (grace.clone(), ticket.clone());
        opening.spawn(async move { with(&grace, "/ws", &ticket).await.first().await });
    }
    let mut first = opening.join_all().await;
    first.sort();
    let spent = first.iter().filter(|first| *first == "4500").count();
    assert_eq!((spent, first.last().map(String::as_str)), (9, Some("hello")), "however many try at once");
}

async fn a_ticket_does_not_outlive_its_session(store: StoreKind) {
    let server = Server::on(store).await;
    let ada = server.register("ada").await;
    let elsewhere = TestUser::login(server.address, "ada").await;
    let (over, good) = (ticket(&ada).await, ticket(&elsewhere).await);
    ada.post("/v1/users/logout", &json!({})).await.expect(204);
    assert_eq!(with(&ada, "/ws", &over).await.close_code().await, 4504);
    assert_eq!(with(&ada, "/ws", &good).await.next().await["type"], "hello");
    assert_eq!(ada.post("/v1/tickets", &json!({})).await.problem(), (401, "session_ended".to_owned()));
}

async fn a_tickets_socket_belongs_to_its_session(store: StoreKind) {
    let server = Server::on(store).await;
    let ada = server.register("ada").await;
    let elsewhere = TestUser::login(server.address, "ada").await;
    let mut here = with(&ada, "/ws", &ticket(&ada).await).await;
    let mut there = with(&ada, "/ws", &ticket(&elsewhere).await).await;
    here.next_of(&["hello"]).await;
    there.next_of(&["hello"]).await;
    ada.post("/v1/users/logout", &json!({})).await.expect(204);
    assert_eq!(here.close_code().await, 4504);
    there.send(&json!({"type": "ping"})).await;
    there.next_of(&["pong"]).await;
}

async fn tickets_are_limited_unless_that_is_lifted(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let mut tickets = Vec::new();
    let refused = loop {
        let answer = ada.post("/v1/tickets", &json!({})).await;
        if answer.status != 201 {
            break answer;
        }
        tickets.push(answer.json()["ticket"].as_str().unwrap().to_owned());
        assert!(tickets.len() <= 50, "there is no end to them");
    };
    assert_eq!((refused.problem(), tickets.len()), ((429, "rate_limited".to_owned()), 50));
    assert_eq!(refused.header("retry-after"), Some("30"));
    ticket(&grace).await;
    assert_eq!(with(&ada, "/ws", &tickets[7]).await.next().await["type"], "hello");
    ticket(&ada).await;

    let lifted = Server::with(&["--rate-limits", "off"]).await;
    let ada = lifted.register("ada").await;
    for _ in 0..=50 {
        ticket(&ada).await;
    }
}

#[tokio::test]
async fn a_ticket_works_on_any_node_and_once_on_all_of_them() {
    let (url, secret) = (database().await, "one secret for all the nodes there are");
    let arguments = ["--database-url", url.as_str(), "--jwt-secret", secret];
    let (one, other) = (Server::with(&arguments).await, Server::with(&arguments).await);
    let ada = one.register("ada").await;
    let there = TestUser { address: other.address, ..ada.clone() };
    for _ in 0..10 {
        let ticket = ticket(&ada).await;
        let (mut here, mut there) = tokio::join!(with(&ada, "/ws", &ticket), with(&there, "/ws", &ticket));
        let mut first = [here.first().await, there.first().await];
        first.sort();
        assert_eq!(first, ["4500", "hello"]);
    }
}

#[tokio::test]
async fn what_is_no_ticket_opens_nothing() {
    let server = Server::start().await;
    let ada = server.register("ada").await;
    let good = ticket(&ada).await;
    let mut forged = good.clone().into_bytes();
    forged[10] = if forged[10] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    let foreign = ticket(&Server::start().await.register("ada").await).await;
    let long = "A".repeat(3_000);
    for bad in [
        "",
        "nonsense",
        "%00",
        "%C3%A9",
        &good[1..],
        &good[..63],
        &forged,
        &foreign,
        &long,
        &ada.token,
        &ada.refresh_token,
    ] {
        let mut socket = with(&ada, "/ws", bad).await;
        assert_eq!(socket.close_code().await, 4500, "{bad}");
    }
    let refresh = json!({"refresh_token": good});
    assert_eq!(post(server.address, "/v1/users/refresh", &refresh).await.status, 401);
    let bearer = TestUser { token: good.clone(), ..ada.clone() };
    assert_eq!(bearer.get("/v1/users/me").await.problem(), (401, "unauthorized".to_owned()));
    assert_eq!(bearer.open("/ws").await.close_code().await, 4500);
    let mut socket = Socket::open(server.address, "/ws", &[]).await.unwrap();
    socket.send(&json!({"type": "auth", "token": good})).await;
    assert_eq!(socket.close_code().await, 4500, "nor is it a token");
    assert_eq!(with(&ada, "/ws", &good).await.next().await["type"], "hello", "and none of that spent it");
}

#[tokio::test]
async fn the_best_of_several_ways_counts() {
    let server = Server::start().await;
    let (ada, grace, joan) =
        (server.register("ada").await, server.register("grace").await, server.register("joan").await);
    let bearer = format!("Bearer {}", ada.token);
    let protocols = format!("chinwag.v1, bearer.{}", joan.token);
    let (header, protocol) = (("authorization", bearer.as_str()), ("sec-websocket-protocol", protocols.as_str()));
    let spare = ticket(&grace).await;
    let query = format!("token={}", joan.token);
    let who = async |path: String, headers: &[(&str, &str)]| {
        let hello = Socket::open(server.address, &path, headers).await.unwrap().next().await;
        hello["user"]["id"].as_str().unwrap().to_owned()
    };
    assert_eq!(who(format!("/ws?ticket={spare}&{query}"), &[header, protocol]).await, ada.id);
    assert_eq!(who(format!("/ws?{query}&ticket={spare}"), &[protocol]).await, grace.id, "not spent before");
    assert_eq!(who(format!("/ws?ticket={spare}"), &[header]).await, ada.id, "nor looked at");
    for path in [format!("/ws?ticket={spare}"), format!("/ws?ticket={spare}&{query}")] {
        let mut socket = Socket::open(server.address, &path, &[protocol]).await.unwrap();
        assert_eq!(socket.close_code().await, 4500, "what is worse does not help what is bad");
    }
    assert_eq!(who(format!("/ws?token={}", ada.token), &[protocol]).await, joan.id);
}

#[tokio::test]
async fn a_tickets_socket_lives_as_long_as_the_token_that_asked_for_it() {
    let server = Server::with(&["--access-token-ttl", "2s"]).await;
    let ada = server.register("ada").await;
    let (used, late) = (ticket(&ada).await, ticket(&ada).await);
    let mut socket = with(&ada, "/ws", &used).await;
    assert_eq!(socket.next().await["type"], "hello");
    assert_eq!(socket.close_code().await, 4040);
    assert_eq!(with(&ada, "/ws", &late).await.first().await, "4040");
}
