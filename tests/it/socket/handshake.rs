//! Authentication of handshakes.

use std::time::Duration;

use hyper::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Error;

use crate::support::client::{post, send_request};
use crate::support::server::Server;
use crate::support::socket::{Socket, TEST_TIMEOUT};

/// Returns the status of a refused handshake.
async fn refused(server: &Server, path: &str, headers: &[(&str, &str)]) -> u16 {
    match Socket::open(server.address, path, headers).await.map(|_| ()).map_err(|error| *error) {
        Err(Error::Http(response)) => response.status().as_u16(),
        other => panic!("{other:?} instead of a refusal"),
    }
}

#[tokio::test]
async fn a_token_may_come_in_four_ways() {
    let server = Server::start().await;
    let (ada, address) = (server.register("ada").await, server.address);
    let bearer = format!("Bearer {}", ada.token);
    let protocols = format!("chinwag.v1, bearer.{}", ada.token);
    let query = format!("/ws?token={}", ada.token);
    for (path, header) in [
        ("/ws", Some(("authorization", bearer.as_str()))),
        ("/ws", Some(("sec-websocket-protocol", protocols.as_str()))),
        (query.as_str(), None),
    ] {
        let mut socket = Socket::open(address, path, header.as_slice()).await.unwrap();
        let hello = socket.next().await;
        assert_eq!((&hello["type"], &hello["user"]["id"]), (&json!("hello"), &json!(ada.id)));
        let expected = header.filter(|(name, _)| *name == "sec-websocket-protocol").map(|_| "chinwag.v1");
        assert_eq!(socket.subprotocol.as_deref(), expected, "the token is never echoed");
    }
    let mut socket = Socket::open(address, "/ws", &[]).await.unwrap();
    socket.send(&json!({"type": "auth", "token": ada.token})).await;
    assert_eq!(socket.next().await["type"], "hello");
}

#[tokio::test]
async fn hello_says_what_a_client_needs() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    ada.send(&room, "hi").await;
    let hello = ada.open(&room.socket).await.next().await;
    assert_eq!(hello["conversation"], json!({"id": room.id, "last_seq": 1}));
    assert_eq!((&hello["heartbeat_ms"], &hello["limits"]["content_bytes"]), (&json!(25_000), &json!(16_384)));
    assert_eq!((&hello["membership_version"], &hello["user"]["status"]), (&json!(1), &json!("online")));
}

#[tokio::test]
async fn whoever_may_not_come_in_is_told_by_a_close_code() {
    let server = Server::start().await;
    let (ada, grace, eve) =
        (server.register("ada").await, server.register("grace").await, server.register("eve").await);
    let room = ada.direct(&grace).await;
    let nowhere = "/ws/0199a000-0000-7000-8000-000000000000";
    assert_eq!(eve.open(&room.socket).await.close_code().await, 4503);
    assert_eq!(eve.open(nowhere).await.close_code().await, 4503);
    let forged = [("authorization", "Bearer nonsense")];
    assert_eq!(Socket::open(server.address, "/ws", &forged).await.unwrap().close_code().await, 4500);
    for first in [json!({"type": "ping"}), json!({"type": "auth", "token": "nonsense"}), json!({"type": "auth"})] {
        let mut socket = Socket::open(server.address, "/ws", &[]).await.unwrap();
        socket.send(&first).await;
        assert_eq!(socket.close_code().await, 4500, "{first}");
    }
    eve.post("/v1/users/logout", &json!({})).await.expect(204);
    assert_eq!(eve.open("/ws").await.close_code().await, 4504);
}

#[tokio::test]
async fn whoever_says_nothing_is_closed_in_time() {
    let server = Server::start().await;
    assert_eq!(Socket::open(server.address, "/ws", &[]).await.unwrap().close_code().await, 4502);
}

#[tokio::test]
async fn a_handshake_that_is_not_one_is_refused() {
    let server = Server::start().await;
    let ada = server.register("ada").await;
    let bearer = format!("Bearer {}", ada.token);
    let good = [
        ("authorization", bearer.as_str()),
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "WebSocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    for (name, value, status) in [
        ("connection", None, 426),
        ("connection", Some("close"), 426),
        ("upgrade", None, 426),
        ("upgrade", Some("h2c"), 426),
        ("sec-websocket-version", None, 426),
        ("sec-websocket-version", Some("8"), 426),
        ("sec-websocket-key", None, 400),
        ("sec-websocket-key", Some("c2hvcnQ="), 400),
        ("sec-websocket-key", Some("not base64 at all!!!!!!!"), 400),
    ] {
        let mut headers: Vec<_> = good.iter().copied().filter(|(kept, _)| *kept != name).collect();
        headers.extend(value.map(|value| (name, value)));
        let answer = send_request(server.address, Method::GET, "/ws", &headers, "").await;
        assert_eq!(answer.status, status, "{name}: {value:?}");
        assert!(answer.header("content-type") == Some("application/problem+json"));
        if status == 426 {
            assert_eq!(
                (answer.header("upgrade"), answer.header("sec-websocket-version")),
                (Some("websocket"), Some("13"))
            );
        }
    }
    let answer = send_request(server.address, Method::POST, "/ws", &good, "").await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
    assert_eq!(refused(&server, "/ws/not-an-id", &[]).await, 404);
    assert_eq!(refused(&server, "/ws/0199a000-0000-7000-8000-000000000000?after_seq=-1", &[]).await, 422);
}

#[tokio::test]
async fn only_pages_of_allowed_origins_connect() {
    let server = Server::with(&["--allowed-origins", "https://app.example"]).await;
    let ada = server.register("ada").await;
    let bearer = format!("Bearer {}", ada.token);
    let own = format!("http://{}", server.address);
    for origin in [own.as_str(), "https://app.example", "https://APP.example"] {
        let headers = [("authorization", bearer.as_str()), ("origin", origin)];
        assert!(Socket::open(server.address, "/ws", &headers).await.is_ok(), "{origin}");
    }
    for origin in ["https://evil.example", "null", "https://app.example.evil"] {
        let headers = [("authorization", bearer.as_str()), ("origin", origin)];
        assert_eq!(refused(&server, "/ws", &headers).await, 403, "{origin}");
    }
}

#[tokio::test]
async fn a_default_port_is_the_same_as_none() {
    let server = Server::start().await;
    let good = [("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13")];
    for (host, origin, status) in [
        ("chat.example:80", "http://chat.example", 101),
        ("chat.example", "http://chat.example", 101),
        ("chat.example:443", "https://chat.example", 101),
        ("chat.example:443", "http://chat.example", 403),
        ("chat.example", "http://chat.example:8080", 403),
    ] {
        let named = [("host", host), ("origin", origin), ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")];
        let answer = send_request(server.address, Method::GET, "/ws", &[&good[..], &named].concat(), "").await;
        assert_eq!(answer.status, status, "{host} {origin}");
        let preflight = send_request(server.address, Method::OPTIONS, "/ws", &named, "").await;
        let allows = preflight.header("access-control-allow-origin").is_some();
        assert_eq!((preflight.status, allows), (204, status == 101), "the page asks so: {host} {origin}");
    }
}

#[tokio::test]
async fn what_comes_with_the_handshake_is_not_lost() {
    let server = Server::start().await;
    let ada = server.register("ada").await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "GET /ws HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        server.address, ada.token
    );
    // A masked text frame with a mask of zeros, in the same segment as the handshake.
    let ping = br#"{"type":"ping","ref":"early"}"#;
    let mut bytes = head.into_bytes();
    bytes.extend([0x81, 0x80 | u8::try_from(ping.len()).unwrap(), 0, 0, 0, 0]);
    bytes.extend(ping);
    socket.write_all(&bytes).await.unwrap();
    let mut got = String::new();
    while !got.contains(r#"{"type":"pong","ref":"early"}"#) {
        let mut buffer = [0; 4096];
        let count = timeout(TEST_TIMEOUT, socket.read(&mut buffer)).await.unwrap();
        let count = count.unwrap();
        assert!(count > 0, "{got}");
        got += &String::from_utf8_lossy(&buffer[..count]);
    }
    assert!(got.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "RFC 6455's own example of a key");
}

#[tokio::test]
async fn a_fresh_token_keeps_a_connection_alive_and_an_old_one_ends_it() {
    let server = Server::with(&["--access-token-ttl", "3s"]).await;
    // Each connects before another password is hashed, because the tokens live shortly.
    let grace = server.register("grace").await;
    let mut theirs = grace.connect("/ws").await;
    let ada = server.register("ada").await;
    let mut hers = ada.connect("/ws").await;
    // One token is renewed again and again while the other expires.
    let mut refresh_token = ada.refresh_token.clone();
    let mut pause = tokio::time::interval(Duration::from_millis(500));
    loop {
        tokio::select! {
            code = theirs.close_code() => { assert_eq!(code, 4040); break }
            _ = pause.tick() => {}
        }
        let body = json!({"refresh_token": refresh_token});
        let tokens = post(server.address, "/v1/users/refresh", &body).await.expect(200).json();
        tokens["refresh_token"].as_str().unwrap().clone_into(&mut refresh_token);
        hers.send(&json!({"type": "auth", "token": tokens["access_token"]})).await;
    }
    hers.send(&json!({"type": "ping"})).await;
    hers.next_of(&["pong"]).await;
}
