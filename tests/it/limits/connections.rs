//! Sockets of one address, and sockets whose connection is not set up yet.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use chinwag::limits::{SOCKETS_PER_ADDRESS_MAX, UNAUTHENTICATED_SOCKETS_PER_ADDRESS_MAX};
use chinwag::server::raise_open_files;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::http::Response;

use crate::support::client::{TestUser, get};
use crate::support::server::{Server, StoreKind};
use crate::support::socket::{Socket, TEST_TIMEOUT};

/// Opens a socket from this loopback address, without sending anything.
async fn silent(from: &str, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(from.parse::<IpAddr>().unwrap(), 0)).unwrap();
    socket.connect(to).await.unwrap()
}

/// Sends a request. Returns the server's text before the close as the error if it does not answer.
async fn try_request(socket: &mut TcpStream) -> Result<(), String> {
    let request = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
    let exchange = async {
        let mut got = Vec::new();
        // A refused socket may be closed already.
        let _ = socket.write_all(request).await;
        while socket.read_buf(&mut got).await.is_ok_and(|count| count > 0) {
            if got.ends_with(b"}") && got.starts_with(b"HTTP/1.1 200 ") {
                return Ok(());
            }
        }
        Err(String::from_utf8(got).unwrap())
    };
    timeout(TEST_TIMEOUT, exchange).await.expect("an answer or an end")
}

/// Returns the response that refuses a handshake.
async fn refused(
    opened: impl Future<Output = Result<Socket, Box<Error>>>,
) -> Result<Socket, Response<Option<Vec<u8>>>> {
    opened.await.map_err(|error| match *error {
        Error::Http(response) => *response,
        other => panic!("{other:?} instead of an answer"),
    })
}

fn problem(response: &Response<Option<Vec<u8>>>) -> (u16, Value, bool) {
    let problem: Value = serde_json::from_slice(response.body().as_ref().unwrap()).unwrap();
    (response.status().as_u16(), problem["code"].clone(), response.headers().contains_key("retry-after"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_has_its_share_of_sockets_and_others_have_theirs() {
    raise_open_files();
    let server = Server::start().await;
    let mut established = silent("127.0.0.2", server.address).await;
    try_request(&mut established).await.unwrap();
    let mut sockets = Vec::new();
    for _ in 1..SOCKETS_PER_ADDRESS_MAX {
        sockets.push(silent("127.0.0.2", server.address).await);
    }
    let response = try_request(&mut silent("127.0.0.2", server.address).await).await.unwrap_err();
    assert!(response.starts_with("HTTP/1.1 429 ") && response.contains("\r\nRetry-After: 1\r\n"), "{response}");
    try_request(&mut silent("127.0.0.3", server.address).await).await.unwrap();
    try_request(&mut established).await.unwrap();

    sockets.pop();
    let served_again = async { while try_request(&mut silent("127.0.0.2", server.address).await).await.is_err() {} };
    timeout(TEST_TIMEOUT, served_again).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sockets_through_a_proxy_count_for_those_who_sent_them() {
    raise_open_files();
    let server = Server::with(&["--trusted-proxies", "127.0.0.1"]).await;
    let ada = server.register("ada").await;
    let bearer = format!("Bearer {}", ada.token);
    let through = async |client: &str| {
        let headers = [("authorization", bearer.as_str()), ("x-forwarded-for", client)];
        refused(Socket::open(server.address, "/ws", &headers)).await
    };
    let mut sockets = Vec::new();
    for _ in 0..=SOCKETS_PER_ADDRESS_MAX {
        sockets.push(silent("127.0.0.1", server.address).await);
    }
    get(server.address, "/livez").await.expect(200);
    for _ in 1..SOCKETS_PER_ADDRESS_MAX {
        sockets.push(silent("127.0.0.2", server.address).await);
    }
    // The last of these sockets is accepted when this one is.
    try_request(&mut silent("127.0.0.3", server.address).await).await.unwrap();
    let last = through("127.0.0.2").await.expect("the last one of this address");
    assert_eq!(problem(&through("127.0.0.2").await.err().unwrap()), (429, json!("rate_limited"), true));
    through("127.0.0.4").await.expect("another");
    drop(last);
    let free_again = async { while through("127.0.0.2").await.is_err() {} };
    timeout(TEST_TIMEOUT, free_again).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_do_not_say_who_they_are_keep_nobody_else_out() {
    raise_open_files();
    let server = Server::with(&["--trusted-proxies", "127.0.0.1"]).await;
    let ada = server.register("ada").await;
    let come = async |client: &str| refused(Socket::open(server.address, "/ws", &[("x-forwarded-for", client)])).await;
    let mut strangers = Vec::new();
    let answer = loop {
        // The server closes each after a while, so that a slow machine needs more of them in all than the limit allows at once.
        match come("198.51.100.1").await {
            Ok(socket) => strangers.push(socket),
            Err(answer) => break answer,
        }
        assert!(strangers.len() < 50 * UNAUTHENTICATED_SOCKETS_PER_ADDRESS_MAX);
    };
    assert!(strangers.len() >= UNAUTHENTICATED_SOCKETS_PER_ADDRESS_MAX);
    assert_eq!(problem(&answer), (503, json!("busy"), true));
    come("198.51.100.2").await.expect("another address");
    let bearer = format!("Bearer {}", ada.token);
    let known = [("authorization", bearer.as_str()), ("x-forwarded-for", "198.51.100.1")];
    Socket::open(server.address, "/ws", &known).await.expect("a handshake with a token");

    let mut newest = strangers.pop().unwrap();
    newest.send(&json!({"type": "auth", "token": ada.token})).await;
    assert_eq!(newest.next().await["type"], "hello");
    come("198.51.100.1").await.expect("a socket was free again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_who_come_back_at_once_all_get_in() {
    const MANY: usize = 2_000;
    raise_open_files();
    let server = Server::with(&["--rate-limits", "off"]).await;
    let ada = server.register("ada").await;
    let room = ada.group("Lunch", &[]).await;
    let come_back = async |ada: &TestUser| loop {
        let bearer = format!("Bearer {}", ada.token);
        let opened = Socket::open(server.address, &room.socket, &[("authorization", &bearer)]).await;
        // A client that gets a retry hint retries.
        if let Ok(mut socket) = opened
            && let Some(hello) = socket.hello().await
        {
            assert_eq!(hello["conversation"]["id"], room.id.as_str());
            return socket;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let mut sockets = join_all((0..MANY).map(|_| come_back(&ada))).await;
    ada.send(&room, "everybody?").await;
    for socket in &mut sockets {
        assert_eq!(socket.next_content().await, "everybody?");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_opens_two_connections_at_a_time_and_others_need_not_wait() {
    let (server, held_store) = Server::held_with(StoreKind::Sqlite, &[]).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    // The store does not answer the first two.
    let mut holds: Vec<_> = (1..=2).map(|number| held_store.hold("connect_snapshot", number)).collect();
    let mut hers = Vec::new();
    for _ in 0..10 {
        hers.push(ada.open("/ws").await);
    }
    for hold in &mut holds {
        hold.reached().await;
    }
    let mut other = grace.open("/ws").await;
    assert_eq!(other.next().await["user"]["username"], "grace");
    assert_eq!(held_store.calls("connect_snapshot"), 3, "her other connections wait for the first two");
    for hold in holds {
        hold.release();
    }
    for socket in &mut hers {
        assert_eq!(socket.next().await["type"], "hello");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hello_waits_for_nobodys_co_members() {
    let (server, held_store) = Server::held_with(StoreKind::Sqlite, &[]).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    // The store does not answer the first.
    let mut hold = held_store.hold("co_members", 1);
    let mut first = ada.open("/ws").await;
    assert_eq!(first.next().await["type"], "hello");
    hold.reached().await;
    grace.send(&room, "it is live").await;
    assert_eq!(first.next_content().await, "it is live");
    let mut second = ada.open("/ws").await;
    assert_eq!(second.next().await["type"], "hello");
    assert_eq!(second.next().await["type"], "presence.state");
    hold.release();
    assert_eq!(first.next_of(&["presence.state"]).await["users"], json!({}));
}
