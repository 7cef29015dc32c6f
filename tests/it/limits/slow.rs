//! Clients that do not read, and clients that vanish.

use std::fs;
use std::time::Duration;

use chinwag::limits::HTTP_UNSENT_BYTES_MAX;
use chinwag::server::config::Config;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use crate::support::client::TestUser;
use crate::support::server::{Server, StoreKind};
use crate::support::socket::TEST_TIMEOUT;

on_each_store! {
    one_that_does_not_read_is_closed_and_all_others_hear_everything,
}

async fn is_offline(viewer: &TestUser, other: &TestUser) -> bool {
    viewer.get(&format!("/v1/users/{}", other.id)).await.expect(200).json()["status"] == "offline"
}

async fn one_that_does_not_read_is_closed_and_all_others_hear_everything(store: StoreKind) {
    // Far more than a send queue and the kernel's buffers hold.
    const MESSAGES: usize = 1_000;
    let no_grace = |config: &mut Config| config.presence.lost_grace = Duration::ZERO;
    let server = Server::configured_on(store, &["--rate-limits", "off"], no_grace).await;
    let (ada, grace, joan) =
        (server.register("ada").await, server.register("grace").await, server.register("joan").await);
    let room = ada.group("Lunch", &[&grace, &joan]).await;
    let (mut hers, mut unread) = (ada.connect(&room.socket).await, grace.connect(&room.socket).await);
    let mut listens = joan.connect("/ws").await;
    let listening = tokio::spawn(async move { listens.next_seqs(MESSAGES).await });

    let text = "x".repeat(16 * 1024);
    let mut sent = 0;
    while sent < MESSAGES {
        hers.send(&json!({"type": "message.send", "content": text})).await;
        hers.next_content().await;
        sent += 1;
        // The client still gets the bytes on their way and then the close code, if it reads soon enough.
        if sent % 20 == 0 && is_offline(&ada, &grace).await {
            break;
        }
    }
    assert!(sent < MESSAGES, "it would have been closed long before");
    assert_eq!(unread.close_code().await, 4008);
    for _ in sent..MESSAGES {
        hers.send(&json!({"type": "message.send", "content": "short"})).await;
    }
    let everything: Vec<i64> = (1..).take(MESSAGES).collect();
    assert_eq!(listening.await.unwrap(), everything);

    // A client that reconnects has lost nothing.
    let mut back = grace.connect(&format!("{}?after_seq=0", room.socket)).await;
    assert_eq!(back.next_seqs(MESSAGES).await, everything);
}

/// Returns the kernel's line about the server's end of a socket.
fn server_end(socket: &TcpStream) -> Option<String> {
    let ends = [socket.peer_addr().unwrap().port(), socket.local_addr().unwrap().port()];
    let held = format!("0100007F:{:04X} 0100007F:{:04X} ", ends[0], ends[1]);
    fs::read_to_string("/proc/net/tcp").unwrap().lines().find(|line| line.contains(&held)).map(str::to_owned)
}

/// Returns true if the server still has its end of a socket.
fn is_held(socket: &TcpStream) -> bool {
    server_end(socket).is_some()
}

/// Returns the bytes that the kernel keeps for a client that does not read, once it takes no more.
async fn kept_by_kernel(socket: &TcpStream) -> usize {
    const PAUSE: Duration = Duration::from_millis(20);
    const PAUSES_UNCHANGED: u32 = 25;
    let settled = async {
        let (mut kept, mut unchanged) = (0, 0);
        while kept == 0 || unchanged < PAUSES_UNCHANGED {
            sleep(PAUSE).await;
            let line = server_end(socket).expect("the server's end");
            let (_, queues) = line.split_once(" 01 ").expect("an open socket");
            let now = usize::from_str_radix(queues.split(':').next().unwrap(), 16).unwrap();
            unchanged = if now == kept { unchanged + 1 } else { 0 };
            kept = now;
        }
        kept
    };
    timeout(TEST_TIMEOUT, settled).await.expect("the kernel takes some bytes, and then no more")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_kernel_keeps_little_of_an_answer_and_much_for_a_websocket() {
    let server = Server::start().await;
    let ada = server.register("ada").await;
    let room = ada.group("Lunch", &[]).await;
    let text = "x".repeat(16 * 1024);
    for _ in 0..60 {
        ada.send(&room, &text).await;
    }
    let unread = async |target: &str, fields: &str, times: usize| {
        let socket = TcpSocket::new_v4().unwrap();
        // The bytes wait in the server's end and not in the client's.
        socket.set_recv_buffer_size(1).unwrap();
        let mut socket = socket.connect(server.address).await.unwrap();
        let request =
            format!("GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n{fields}\r\n", ada.token);
        socket.write_all(request.repeat(times).as_bytes()).await.unwrap();
        socket
    };
    let answers = unread(&format!("{}?limit=200", room.messages), "", 5).await;
    let bound = usize::try_from(HTTP_UNSENT_BYTES_MAX).unwrap();
    let kept = kept_by_kernel(&answers).await;
    assert!(kept < 2 * bound, "{kept} bytes of answers of 5 MB, and what is beyond the bound is on its way");
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let events = unread(&format!("{}?after_seq=0", room.socket), upgrade, 1).await;
    let kept = kept_by_kernel(&events).await;
    assert!(kept > 4 * bound, "{kept} bytes of 1 MB: a client that reads later needs them");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_nobody_reads_is_not_kept_for_ever() {
    let server = Server::configured(&[], |config| config.peer_write_timeout = Duration::from_secs(1)).await;
    let ada = server.register("ada").await;
    let room = ada.group("Lunch", &[]).await;
    let text = "x".repeat(16 * 1024);
    for _ in 0..60 {
        ada.send(&room, &text).await;
    }
    let mut unread = TcpStream::connect(server.address).await.unwrap();
    let request =
        format!("GET {}?limit=200 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n", room.messages, ada.token);
    // Responses of 1 MB, many times what the kernel's buffers hold.
    unread.write_all(request.repeat(20).as_bytes()).await.unwrap();
    assert!(is_held(&unread));
    let gone = async {
        while is_held(&unread) {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(TEST_TIMEOUT, gone).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_is_gone_without_a_word_is_gone_for_everybody() {
    let server = Server::configured(&[], |config| {
        config.heartbeat = Duration::from_millis(500);
        config.presence.lost_grace = Duration::ZERO;
    })
    .await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    ada.direct(&grace).await;
    let mut hers = ada.connect("/ws").await;
    // The client completes the handshake, and then neither sends nor answers, as if its cable were cut.
    let mut gone = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "GET /ws HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        grace.token
    );
    gone.write_all(head.as_bytes()).await.unwrap();
    let mut got = Vec::new();
    while !got.windows(7).any(|window| window == b"\"hello\"") {
        assert!(timeout(TEST_TIMEOUT, gone.read_buf(&mut got)).await.unwrap().unwrap() > 0);
    }
    assert_eq!(hers.next_of(&["presence.diff"]).await["online"], json!([grace.id]));
    assert_eq!(hers.next_of(&["presence.diff"]).await["offline"], json!([grace.id]));
    assert!(is_offline(&ada, &grace).await);
    timeout(TEST_TIMEOUT, gone.read_to_end(&mut got)).await.unwrap().unwrap();
    assert!(got.ends_with(b"\x88\x09\x0F\xACno pong"), "its close is 4012, should it ever look");
}
