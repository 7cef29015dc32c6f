//! A draining server, from the stop signal to the end of the process.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use rusqlite::Connection;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::{interval, timeout};

use crate::support::client::{get, send_request};
use crate::support::server::Server;
use crate::support::socket::{Socket, TEST_TIMEOUT};

/// Waits until the server reports that it drains.
async fn drains(server: &Server) {
    let mut pause = interval(Duration::from_millis(5));
    let drains = async {
        while get(server.address, "/readyz").await.status == 200 {
            pause.tick().await;
        }
    };
    timeout(TEST_TIMEOUT, drains).await.expect("it drains");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_drains_it_answers_and_takes_nobody_new() {
    let mut server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let socket = TcpStream::connect(server.address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await.unwrap();
    let kept_alive = tokio::spawn(connection);
    let mut probe = async || {
        let request = Request::get("/livez").header("host", "chinwag").body(Full::<Bytes>::default()).unwrap();
        let (head, body) = sender.send_request(request).await.unwrap().into_parts();
        body.collect().await.unwrap();
        (head.status.as_u16(), head.headers.get("connection").cloned())
    };
    assert_eq!(probe().await, (200, None));
    // This client does not read, so its close takes until the time-out.
    let mut silent = ada.connect("/ws").await;

    server.stop();
    drains(&server).await;
    for path in ["/health", "/readyz"] {
        let health = get(server.address, path).await.expect(503).json();
        assert_eq!((&health["status"], &health["checks"]["store"]["status"]), (&json!("draining"), &json!("ok")));
    }
    get(server.address, "/livez").await.expect(200);
    ada.send(&room, "still here").await;
    let key = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let headers = [("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13"), key];
    let refused = send_request(server.address, Method::GET, "/ws", &headers, "").await;
    assert_eq!(refused.problem(), (503, "draining".to_owned()));
    assert!(refused.header("retry-after").is_some() && refused.json()["retryable"] == true, "{refused:?}");
    let (status, connection) = probe().await;
    assert_eq!((status, connection.unwrap()), (200, "close".parse().unwrap()), "the response closes the connection");
    timeout(TEST_TIMEOUT, kept_alive).await.expect("closed by the server").unwrap().unwrap();

    assert_eq!(silent.next_of(&["draining", "message.new"]).await["type"], "draining");
    assert_eq!(silent.close_code().await, 1012);
    drop(silent);
    timeout(TEST_TIMEOUT, server.stopped()).await.expect("it stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_under_way_is_answered_though_the_token_expires() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chinwag.db");
    let url = format!("sqlite:{}", file.display());
    let mut server = Server::with(&["--access-token-ttl", "3s", "--database-url", &url]).await;
    // Ada's token is the younger one.
    let (grace, ada) = (server.register("grace").await, server.register("ada").await);
    let room = ada.direct(&grace).await;
    let mut socket = ada.connect(&room.socket).await;
    let another_writer = Connection::open(&file).unwrap();
    another_writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    socket.send(&json!({"type": "message.send", "content": "on the way"})).await;
    // Read after it, and so started before the end.
    socket.send(&json!({"type": "ping"})).await;
    socket.next_of(&["pong"]).await;

    server.stop();
    socket.next_of(&["draining"]).await;
    let mut pause = interval(Duration::from_millis(20));
    let expires = async {
        while ada.get("/v1/users/me").await.status == 200 {
            pause.tick().await;
        }
    };
    timeout(TEST_TIMEOUT, expires).await.expect("the token expires");
    another_writer.execute_batch("ROLLBACK").unwrap();
    assert_eq!(socket.next_of(&["message.new"]).await["message"]["content"], "on the way");
    assert_eq!(socket.close_code().await, 1012);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_is_told_another_time_to_come_back() {
    let mut server = Server::start().await;
    let ada = server.register("ada").await;
    let mut sockets: Vec<Socket> = Vec::new();
    for _ in 0..30 {
        sockets.push(ada.connect("/ws").await);
    }
    server.stop();
    let mut hints = HashSet::new();
    for socket in &mut sockets {
        let hint = socket.next_of(&["draining"]).await["reconnect_after_ms"].as_u64().unwrap();
        assert!((500..5_000).contains(&hint), "{hint}");
        hints.insert(hint);
        assert_eq!(socket.close_code().await, 1012);
    }
    assert!(hints.len() > 20, "they all reconnect at once: {hints:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_connection_does_not_hold_it_up() {
    let mut server = Server::with(&["--drain-seconds", "600"]).await;
    let mut idle = Vec::new();
    for _ in 0..5 {
        idle.push(TcpStream::connect(server.address).await.unwrap());
    }
    get(server.address, "/livez").await.expect(200);
    server.stop();
    timeout(TEST_TIMEOUT, server.stopped()).await.expect("idle connections do not delay the stop");
}
