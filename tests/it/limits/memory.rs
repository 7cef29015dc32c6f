//! Hundreds of clients that do not read, against the memory of a node and against its other users.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::{join_all, select_all};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use crate::support::client::{Conversation, TestUser};
use crate::support::node::Node;
use crate::support::raw::until;
use crate::support::server::{Server, StoreKind};
use crate::support::socket::TEST_TIMEOUT;
use chinwag::limits::{
    BODY_BYTES_MAX, CONTENT_BYTES_MAX, PAGE_BYTES_MAX, WAITING_BYTES_MAX, WAITING_BYTES_PER_NETWORK_ANONYMOUS_MAX,
};

on_each_store! {
    a_user_who_does_not_read_costs_others_nothing,
    all_that_waits_has_a_bound_in_bytes,
}

/// The address of a network that is not the one of all other clients.
const ELSEWHERE: [u8; 4] = [127, 0, 0, 2];
const MIB: usize = 1024 * 1024;
/// Memory of a node without load, and of the pages that it reads at a time, of the journal and of the sockets.
const BESIDES: usize = 150 * MIB;

/// A node, and a user whose conversation has pages of the greatest size.
struct Fixture {
    node: Node,
    ada: TestUser,
    room: Conversation,
}

impl Fixture {
    async fn set(store: StoreKind, rate_limits: &str) -> Self {
        let mut node = Node::on(store).await;
        node.arguments.push(format!("--rate-limits={rate_limits}"));
        node.start().await;
        let ada = TestUser::register(node.address, "ada").await;
        let room = ada.group("Monologue", &[]).await;
        // JSON makes six bytes of each.
        let text = "\u{1}".repeat(CONTENT_BYTES_MAX);
        for _ in 0..12 {
            ada.send(&room, &text).await;
        }
        Self { node, ada, room }
    }

    /// Requests a page of the greatest size, and reads nothing.
    async fn stall(&self, target: &str) -> TcpStream {
        let (address, token) = (self.node.address, &self.ada.token);
        let head = format!("GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n");
        unread(address, &(head + "\r\n")).await
    }

    /// Opens a WebSocket that replays the conversation, and reads nothing.
    async fn stall_replay(&self) -> TcpStream {
        let (address, token) = (self.node.address, &self.ada.token);
        let head =
            format!("GET {}?after_seq=0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n", self.room.socket);
        let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
        unread(address, &format!("{head}{upgrade}Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")).await
    }

    /// Waits until the node refuses the user's next page. Returns the sockets that wait.
    async fn fill(&self) -> Vec<TcpStream> {
        let page = format!("{}?limit=200", self.room.messages);
        let mut stalled = Vec::new();
        let filling = async {
            loop {
                let some = join_all((0..20).map(|_| self.stall(&page))).await;
                stalled.extend(some);
                let probe = self.ada.get(&page).await;
                if probe.status != 200 {
                    // With rate limits on, the kernel may take so many pages that their rate ends first.
                    let refusals = [(503, "busy".to_owned()), (429, "rate_limited".to_owned())];
                    assert!(refusals.contains(&probe.problem()), "{probe:?}");
                    assert!(probe.json()["retry_after_ms"].is_u64());
                    return;
                }
            }
        };
        timeout(3 * TEST_TIMEOUT, filling).await.expect("the budget has an end");
        stalled
    }
}

/// Writes a request to a socket whose kernel takes as few bytes as possible for its reader.
async fn unread(address: SocketAddr, request: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(1).unwrap();
    let mut socket = socket.connect(address).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    socket
}

async fn a_user_who_does_not_read_costs_others_nothing(store: StoreKind) {
    let fixture = Fixture::set(store, "on").await;
    let (node, ada) = (&fixture.node, &fixture.ada);
    let (grace, joan) =
        (TestUser::register(node.address, "grace").await, TestUser::register(node.address, "joan").await);
    let theirs = grace.direct(&joan).await;
    let mut hears = joan.connect("/ws").await;
    let before = node.memory().now;

    let mut stalled = fixture.fill().await;
    stalled.extend(join_all((0..60).map(|_| fixture.stall("/v1/conversations?limit=200"))).await);
    stalled.extend(join_all((0..60).map(|_| fixture.stall_replay())).await);
    for number in 1..=20 {
        grace.send(&theirs, "undisturbed").await;
        assert_eq!(hears.next_of(&["message.new"]).await["seq"], number);
        grace.get(&format!("{}?limit=200", theirs.messages)).await.expect(200);
        grace.get("/readyz").await.expect(200);
    }
    let memory = node.memory();
    assert!(memory.peak < before + 60 * MIB, "before {before}, {memory:?} for one user who does not read");
    // When her sockets are gone, she is served again.
    drop(stalled);
    let served = async {
        while ada.get(&fixture.room.messages).await.status != 200 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(TEST_TIMEOUT, served).await.expect("what waited for closed sockets is freed");
}

async fn all_that_waits_has_a_bound_in_bytes(store: StoreKind) {
    // Without shares, one user can use up the budget of the node.
    let fixture = Fixture::set(store, "off").await;
    let mut stalled = fixture.fill().await;
    assert!(stalled.len() > WAITING_BYTES_MAX / PAGE_BYTES_MAX / 2, "only {} pages wait", stalled.len());
    stalled.extend(join_all((0..200).map(|_| fixture.stall_replay())).await);
    stalled.extend(join_all((0..100).map(|_| fixture.stall("/v1/conversations?limit=200"))).await);
    fixture.ada.get("/readyz").await.expect(200);
    let memory = fixture.node.memory();
    assert!(memory.peak < WAITING_BYTES_MAX + BESIDES, "{memory:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_arrive_in_part_take_no_more_than_their_networks_share() {
    let server = Server::with(&[]).await;
    let length = BODY_BYTES_MAX;
    let head = format!(
        "POST /v1/users/refresh HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    let but_one = head + &"x".repeat(length - 1);
    let begin = async |from: [u8; 4]| {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        let mut socket = socket.connect(server.address).await.unwrap();
        // A socket that is refused is not read to its end.
        let _ = socket.write_all(but_one.as_bytes()).await;
        socket
    };
    let most = WAITING_BYTES_PER_NETWORK_ANONYMOUS_MAX / BODY_BYTES_MAX;
    let mut waiting = Vec::new();
    for _ in 0..=most / 32 {
        waiting.extend(join_all((0..32).map(|_| begin(ELSEWHERE))).await);
    }
    let refused = first_answer(&mut waiting).await;
    assert!(refused.starts_with("HTTP/1.1 503 ") && refused.contains(r#""code":"busy""#), "{refused}");
    assert!(refused.to_ascii_lowercase().contains("\r\nretry-after: 1\r\n"), "{refused}");

    // A client of another network is answered, and those who wait get their answers too when the rest of their requests comes.
    let mut other = begin([127, 0, 0, 3]).await;
    other.write_all(b"x").await.unwrap();
    assert!(until(&mut other, "}").await.starts_with("HTTP/1.1 400 "));
    let mut first = waiting.swap_remove(0);
    first.write_all(b"x").await.unwrap();
    assert!(until(&mut first, "}").await.starts_with("HTTP/1.1 400 "));
}

/// Returns the first answer on any of these sockets.
async fn first_answer(sockets: &mut [TcpStream]) -> String {
    let answers = sockets.iter().map(|socket| Box::pin(socket.readable()));
    let (_, index, _) = timeout(TEST_TIMEOUT, select_all(answers)).await.expect("an answer");
    until(&mut sockets[index], "}").await
}
