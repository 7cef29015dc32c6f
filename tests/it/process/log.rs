//! The log has a line for each request and operation, and no secrets.

use std::io::{BufRead, Read};

use chinwag::limits;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::Running;
use crate::support::client::{PASSWORD, TestUser};
use crate::support::raw;
use crate::support::socket::Socket;

#[tokio::test]
async fn an_operation_over_websocket_stands_in_the_access_log_without_its_input() {
    let mut running = Running::start(&["--log", "trace"]);
    let ada = TestUser::register(running.address, "ada").await;
    let room = ada.group("Lunch", &[]).await;
    let mut socket = ada.open("/ws").await;
    let hello = socket.next_of(&["hello"]).await;
    for (operation, input) in [
        ("message.send", json!({"content": "a secret in a text"})),
        ("message.send", json!({"content": ["a secret in a list"]})),
        ("conversation.update", json!({"name": "a secret in a name"})),
        ("user.get", json!({"user_id": room.id, "q": "a secret beside it"})),
    ] {
        let frame = json!({"type": operation, "ref": "a secret ref", "conversation_id": room.id, "input": input});
        socket.send(&frame).await;
        socket.next_of(&["reply", "error"]).await;
    }
    running.signal(Signal::TERM);
    assert_eq!(socket.close_code().await, 1012);
    drop(socket);
    assert!(running.child.wait().unwrap().success());
    let log: Vec<String> = running.log.by_ref().lines().map(Result::unwrap).collect();
    assert!(!log.concat().contains("a secret"), "{log:?}");
    let lines = log.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let calls: Vec<Value> = lines.filter(|line| line["message"] == "request" && line["method"] == "WS").collect();
    let logged: Vec<_> = calls.iter().map(|call| (call["path"].as_str().unwrap(), call["status"].as_u64())).collect();
    let expected = [("message.send", 201), ("message.send", 422), ("conversation.update", 200), ("user.get", 404)];
    assert_eq!(logged, expected.map(|(name, status)| (name, Some(status))));
    for call in &calls {
        assert_eq!((&call["level"], &call["request_id"]), (&json!("INFO"), &hello["connection_id"]));
        assert_eq!((&call["address"], call["ms"].is_number()), (&json!("127.0.0.1"), true), "{call}");
    }
}

#[tokio::test]
async fn no_log_level_tells_a_secret() {
    // Both formats, because only the text format shows spans.
    for form in ["json", "text"] {
        let mut running = Running::start(&["--log", "trace", "--log-format", form]);
        let ada = TestUser::register(running.address, "ada").await;
        let ticket = ada.post("/v1/tickets", &json!({})).await.expect(201).json();
        let ticket = ticket["ticket"].as_str().unwrap();
        let address = running.address;
        for query in [format!("ticket={ticket}"), format!("ticket={ticket}"), format!("token={}", ada.token)] {
            Socket::open(address, &format!("/ws?{query}"), &[]).await.unwrap().first().await;
        }
        // Requests with all other results: accepted, refused for their content, and malformed.
        let mut statuses = Vec::new();
        for secret in [format!("token={}", ada.token), format!("ticket={ticket}")] {
            for target in
                ["/health", "/livez", "/static/page/app.js", "/v1/users/me", "/nowhere", "/ws", "/ws/nowhere", "/%zz"]
            {
                let request = format!("GET {target}?{secret} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
                statuses.extend(raw::statuses(&raw::exchange(address, request.as_bytes()).await));
            }
            let handshake = "Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
            let long = "x".repeat(limits::URI_BYTES_MAX);
            for request in [
                format!("POST /ws?{secret} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
                format!("GET /ws?{secret} HTTP/1.1\r\n\r\n"),
                format!("GET /ws?{secret} HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n"),
                format!("GET /ws?{secret} HTTP/9.9\r\nHost: x\r\n\r\n"),
                format!("GET /ws?{secret}&{long} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
                format!("GET http://x/ws?{secret} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
                format!("GET /ws?{secret} HTTP/1.1\r\nHost: x\r\n{handshake}Origin: http://y\r\n\r\n"),
            ] {
                statuses.extend(raw::statuses(&raw::exchange(address, request.as_bytes()).await));
            }
        }
        for status in [200, 400, 401, 403, 404, 405, 414, 426] {
            assert!(statuses.contains(&status), "{status}: {statuses:?}");
        }
        running.signal(Signal::TERM);
        assert!(running.child.wait().unwrap().success());
        let log: Vec<String> = running.log.by_ref().lines().map(Result::unwrap).collect();
        assert!(log.len() > statuses.len(), "{log:?}");
        for secret in [ticket, &ada.token, &ada.refresh_token, PASSWORD] {
            // If the end is missing, no line has all of the secret, nor all but its beginning.
            let end = &secret[secret.len() - PASSWORD.len()..];
            let leaks: Vec<&String> = log.iter().filter(|line| line.contains(end)).collect();
            assert!(leaks.is_empty(), "{secret}: {leaks:?}");
        }
    }
}

#[tokio::test]
async fn the_line_of_a_403_names_origin_and_host() {
    let mut running = Running::start(&[]);
    let origin = format!("http://{}", "x".repeat(limits::LOGGED_BYTES_MAX));
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: chat.example\r\nOrigin: {origin}\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let answer = raw::exchange(running.address, request.as_bytes()).await;
    assert_eq!(raw::statuses(&answer), [403]);
    running.signal(Signal::TERM);
    assert!(running.child.wait().unwrap().success());
    let log = running.log.by_ref().lines().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let line = log.into_iter().find(|line| line["status"] == 403).expect("its line");
    let expected = (json!(origin[..limits::LOGGED_BYTES_MAX]), json!("chat.example"));
    assert_eq!((&line["origin"], &line["host"]), (&expected.0, &expected.1), "{line}");
}

#[tokio::test]
async fn a_flood_of_refusals_is_counted_and_other_lines_stay() {
    const FLOOD: u64 = 500;
    let mut running = Running::start(&[]);
    let target = "a".repeat(15_000);
    for (target, count) in [(target.as_str(), FLOOD), ("nowhere", 1), ("", 50)] as [(&str, u64); 3] {
        let request = format!("GET /{target} HTTP/1.1\r\nHost: x\r\n\r\n");
        let last = format!("GET /{target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answers =
            raw::exchange(running.address, (request.repeat(usize::try_from(count).unwrap() - 1) + &last).as_bytes())
                .await;
        assert_eq!(raw::statuses(&answers).len() as u64, count);
    }
    for _ in 0..30 {
        let forged = [("authorization", "Bearer nonsense")];
        assert_eq!(Socket::open(running.address, "/ws", &forged).await.unwrap().close_code().await, 4500);
    }
    running.signal(Signal::TERM);
    assert!(running.child.wait().unwrap().success());
    let log: Vec<String> = running.log.by_ref().lines().map(Result::unwrap).collect();
    assert!(log.iter().all(|line| line.len() < 1_000), "no line has a whole target");
    let lines: Vec<Value> = log.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let logged = |message: &str, status: u16| {
        let is_it = |line: &&Value| line["message"] == message && (line["status"] == status || status == 4500);
        lines.iter().filter(is_it).count() as u64
    };
    assert_eq!((logged("request", 404), logged("request", 200), logged("request", 101)), (1, 50, 30));
    for (message, status, count) in [("request", 414, FLOOD), ("connection refused", 4500, 30)] {
        let further = lines.iter().filter(|line| line["status"] == status).filter_map(|line| line["refusals"].as_u64());
        let further: u64 = further.sum();
        assert_eq!(logged(message, status) + further, count, "{status}: each is counted");
        // On a slow machine the test takes longer than the time for which refusals are counted together.
        assert!(logged(message, status) < count.min(5 * limits::REFUSALS_LOGGED), "{status}");
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_trusted_is_named_once() {
    for (trusted, expected) in [("192.0.2.1", 1), ("127.0.0.1", 0)] {
        let mut running = Running::start(&["--trusted-proxies", trusted]);
        for _ in 0..3 {
            let request =
                "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Forwarded-For: 198.51.100.7\r\n\r\n";
            assert!(raw::exchange(running.address, request.as_bytes()).await.starts_with("HTTP/1.1 200 "));
        }
        running.signal(Signal::TERM);
        assert!(running.child.wait().unwrap().success());
        let log: Vec<String> = running.log.by_ref().lines().map(Result::unwrap).collect();
        let warnings = log.iter().filter(|line| line.contains("X-Forwarded-For") && line.contains("WARN"));
        assert_eq!(warnings.count(), expected, "{log:?}");
    }
}
