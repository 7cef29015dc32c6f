//! Messages over WebSocket that arrive in part and never end.

use std::net::SocketAddr;

use chinwag::limits::{
    AUTH_TIMEOUT, CONNECTIONS_PER_USER_MAX, FRAME_BYTES_MAX, WAITING_BYTES_PER_NETWORK_ANONYMOUS_MAX,
    WAITING_BYTES_PER_NETWORK_MAX,
};
use chinwag::server::raise_open_files;
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::support::client::TestUser;
use crate::support::node::Node;
use crate::support::raw::until;
use crate::support::server::StoreKind;
use crate::support::socket::TEST_TIMEOUT;

const MIB: usize = 1024 * 1024;
/// Bytes of a message that a client sends before it stops: all but the last 2 KiB.
const SENT: usize = FRAME_BYTES_MAX - 2 * 1024;
/// Users of one network who attack. They send far more than its share.
const ATTACKERS: usize = 20;
/// Memory of the attackers' sockets and of a node that serves others meanwhile.
const BESIDES: usize = 50 * MIB;
/// The close frame of a connection that is overloaded: its payload, without the frame's header.
const OVERLOADED: &[u8] = b"\x03\xF5try again later";

/// Opens a WebSocket from this address. `field` is a header field with its line's end, or nothing.
async fn open(to: SocketAddr, from: &str, field: &str) -> TcpStream {
    let mut socket = TcpStream::connect(to).await.unwrap();
    let head = format!(
        "GET /ws HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {from}\r\n{field}Connection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    until(&mut socket, "\r\n\r\n").await;
    socket
}

/// The header of a masked frame whose mask changes nothing.
fn header(first_byte: u8, length: usize) -> Vec<u8> {
    let mut header = vec![first_byte, 0x80 | 127];
    header.extend(u64::try_from(length).unwrap().to_be_bytes());
    header.extend([0; 4]);
    header
}

/// The first bytes of a message of one frame.
fn of_one_frame() -> Vec<u8> {
    let mut bytes = header(0x81, FRAME_BYTES_MAX);
    bytes.resize(bytes.len() + SENT, b'x');
    bytes
}

/// The first fragments of a message of many. The first one has the opcode of a text, and the others that of a continuation.
fn of_fragments() -> Vec<u8> {
    const FRAGMENT: usize = 10 * 1024;
    let mut bytes = Vec::new();
    for number in 0..SENT / FRAGMENT {
        bytes.extend(header(u8::from(number == 0), FRAGMENT));
        bytes.resize(bytes.len() + FRAGMENT, b'x');
    }
    bytes
}

/// Begins a message on a socket. Returns when the server has closed the socket: true if it is overloaded.
async fn begin(mut socket: TcpStream, part: Vec<u8>) -> bool {
    let mut got = Vec::new();
    // A socket that the server closes is not read to its end.
    let _ = socket.write_all(&part).await;
    let _ = socket.read_to_end(&mut got).await;
    got.windows(OVERLOADED.len()).any(|window| window == OVERLOADED)
}

/// Counts the sockets that the server closes with 1013, until it has closed this many.
async fn closed(sockets: &mut JoinSet<bool>, count: usize) {
    let closing = async {
        for _ in 0..count {
            assert!(sockets.join_next().await.expect("enough of them").unwrap(), "it is closed with 1013");
        }
    };
    timeout(TEST_TIMEOUT, closing).await.expect("messages beyond the share have no room");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_arrive_in_part_take_no_more_than_their_networks_share() {
    raise_open_files();
    let mut node = Node::on(StoreKind::Sqlite).await;
    node.arguments.extend(["--rate-limits=on", "--trusted-proxies=127.0.0.0/8"].map(str::to_owned));
    node.start().await;
    let (grace, joan) = (node.register("grace").await, node.register("joan").await);
    let theirs = grace.direct(&joan).await;
    let mut hears = joan.connect("/ws").await;
    let before = node.memory().now;

    let mut sockets = JoinSet::new();
    for number in 0..ATTACKERS {
        let mallory = TestUser::register(node.address, &format!("mallory{number}")).await;
        let bearer = format!("Authorization: Bearer {}\r\n", mallory.token);
        let opened = join_all((0..CONNECTIONS_PER_USER_MAX).map(|_| open(node.address, "192.0.2.1", &bearer))).await;
        for (socket, part) in opened.into_iter().zip([of_one_frame(), of_fragments()].iter().cycle()) {
            sockets.spawn(begin(socket, part.clone()));
        }
        grace.send(&theirs, "undisturbed").await;
        assert_eq!(hears.next_content().await, "undisturbed");
        grace.get("/readyz").await.expect(200);
    }
    closed(&mut sockets, ATTACKERS * CONNECTIONS_PER_USER_MAX - WAITING_BYTES_PER_NETWORK_MAX / SENT).await;
    let memory = node.memory();
    assert!(memory.peak < before + WAITING_BYTES_PER_NETWORK_MAX + BESIDES, "before {before}, {memory:?}");

    // A message of the same length from elsewhere has room, and whoever ends it gets an answer.
    let bearer = format!("Authorization: Bearer {}\r\n", grace.token);
    let mut other = open(node.address, "192.0.2.2", &bearer).await;
    other.write_all(&of_one_frame()).await.unwrap();
    grace.send(&theirs, "undisturbed").await;
    other.write_all(&[b'x'; FRAME_BYTES_MAX - SENT]).await.unwrap();
    until(&mut other, r#""code":"malformed""#).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn first_messages_of_strangers_that_arrive_in_part_take_no_more_than_the_share_of_strangers() {
    raise_open_files();
    let mut node = Node::on(StoreKind::Sqlite).await;
    node.arguments.extend(["--rate-limits=on", "--trusted-proxies=127.0.0.0/8"].map(str::to_owned));
    node.start().await;
    let most = WAITING_BYTES_PER_NETWORK_ANONYMOUS_MAX / SENT;
    let opened = join_all((0..most + 20).map(|_| open(node.address, "192.0.2.1", ""))).await;
    let mut sockets = JoinSet::new();
    for (socket, part) in opened.into_iter().zip([of_one_frame(), of_fragments()].iter().cycle()) {
        sockets.spawn(begin(socket, part.clone()));
    }
    // Before the others are closed because they do not authenticate.
    timeout(AUTH_TIMEOUT, closed(&mut sockets, 20)).await.expect("there is no room for all");
    node.register("ada").await.connect("/ws").await;
}
