//! The readers of a store are shared by users, and a read whose caller has gone ends.

use std::time::Duration;

use chinwag::limits::{self, QUERY_TIMEOUT, STORE_CALLS_PER_USER_MAX};
use futures_util::future::join_all;
use serde_json::json;
use socket2::SockRef;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{interval, timeout};
use tokio_postgres::Client;

use crate::support::client::{Conversation, TestUser};
use crate::support::postgres::{connect, database};
use crate::support::raw::{rest, statuses, until};
use crate::support::server::{Server, StoreKind};

on_each_store! {
    a_user_uses_a_quarter_of_the_readers,
    a_client_that_sends_nothing_more_gets_its_answer_if_it_comes_soon,
}

async fn a_user_uses_a_quarter_of_the_readers(store: StoreKind) {
    let (server, held_store) = Server::held_with(store, &[]).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let mut socket = ada.connect("/ws").await;
    let mut holds: Vec<_> = (1..=STORE_CALLS_PER_USER_MAX).map(|number| held_store.hold("page", number)).collect();
    let before = held_store.calls("page");
    let first = join_all((0..STORE_CALLS_PER_USER_MAX).map(|_| ada.get(&room.messages)));
    let others = async {
        for hold in &mut holds {
            hold.reached().await;
        }
        let paths = [room.messages.as_str(), room.path.as_str(), "/v1/users/me", "/v1/conversations"];
        let further = join_all((0..20).map(|number| ada.get(paths[number % paths.len()])));
        let bystander = async {
            for _ in 0..20 {
                grace.get(&room.messages).await.expect(200);
            }
            // Her own sends do not wait for her reads.
            ada.send(&room, "sent").await;
            socket.send(&json!({"type": "message.send", "conversation_id": room.id, "content": "sent too"})).await;
            while socket.next_content().await != "sent too" {}
            assert_eq!(held_store.calls("page") - before, STORE_CALLS_PER_USER_MAX + 20, "her other reads wait");
            assert_eq!(held_store.calls("conversation_views"), 0, "also those of other lists");
            for hold in holds {
                hold.release();
            }
        };
        tokio::join!(further, bystander).0
    };
    let (first, further) = tokio::join!(first, others);
    for answer in first.into_iter().chain(further) {
        answer.expect(200);
    }
}

/// A client that holds PostgreSQL's table of messages, and one that observes.
struct Locked {
    lock: Client,
    observer: Client,
}

impl Locked {
    async fn new(url: &str) -> Self {
        let lock = connect(url).await;
        lock.batch_execute("BEGIN; LOCK TABLE messages IN ACCESS EXCLUSIVE MODE").await.unwrap();
        Self { lock, observer: connect(url).await }
    }

    /// Waits until this number of the server's statements wait for the lock, for far less than the time after which PostgreSQL ends them.
    async fn waits(&self, count: i64) {
        const WAITING: &str = "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock' AND state = 'active'";
        let mut pause = interval(Duration::from_millis(10));
        let waiting = async {
            while self.observer.query_one(WAITING, &[]).await.unwrap().get::<_, i64>(0) != count {
                pause.tick().await;
            }
        };
        timeout(QUERY_TIMEOUT / 2, waiting).await.unwrap_or_else(|_| panic!("{count} statements should wait"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_ends_with_the_connection_that_asked_for_it() {
    let url = database().await;
    let server = Server::with(&["--database-url", &url]).await;
    let ada = server.register("ada").await;
    let room = ada.group("Lunch", &[]).await;
    let locked = Locked::new(&url).await;
    for _ in 0..3 {
        let phone = TestUser::login(server.address, "ada").await;
        let mut socket = phone.connect("/ws").await;
        socket.send(&json!({"type": "message.list", "conversation_id": room.id, "input": {}})).await;
        locked.waits(1).await;
        // The end of the session is the end of its connections.
        phone.post("/v1/users/logout", &json!({})).await.expect(204);
        assert_eq!(socket.close_code().await, 4504);
        locked.waits(0).await;
    }
    locked.lock.batch_execute("COMMIT").await.unwrap();
    ada.get(&room.messages).await.expect(200);
}

/// Opens a socket, and requests a conversation's history.
async fn request_history(ada: &TestUser, room: &Conversation) -> TcpStream {
    let mut socket = TcpStream::connect(ada.address).await.unwrap();
    let head = format!("GET {} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n", room.messages, ada.token);
    socket.write_all(head.as_bytes()).await.unwrap();
    socket
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_ends_with_the_http_client_that_asked_for_it() {
    let url = database().await;
    let server = Server::with(&["--database-url", &url]).await;
    let ada = server.register("ada").await;
    let room = ada.group("Lunch", &[]).await;
    let locked = Locked::new(&url).await;
    for is_reset in [false, true, false, true] {
        let socket = request_history(&ada, &room).await;
        locked.waits(1).await;
        if is_reset {
            SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
        }
        drop(socket);
        locked.waits(0).await;
    }
    locked.lock.batch_execute("COMMIT").await.unwrap();
    ada.get(&room.messages).await.expect(200);
}

async fn a_client_that_sends_nothing_more_gets_its_answer_if_it_comes_soon(store: StoreKind) {
    let (server, held_store) = Server::held(store).await;
    let ada = server.register("ada").await;
    let room = ada.group("Lunch", &[]).await;
    for is_answered_soon in [true, false] {
        let mut hold = held_store.hold("page", 1);
        let mut socket = request_history(&ada, &room).await;
        hold.reached().await;
        socket.shutdown().await.unwrap();
        let _held = if is_answered_soon {
            hold.release();
            None
        } else {
            Some(hold)
        };
        let answer = timeout(limits::ANSWER_TIMEOUT / 2, rest(&mut socket)).await.expect("an answer, and then the end");
        let expected = if is_answered_soon { "HTTP/1.1 200 " } else { "HTTP/1.1 503 " };
        assert!(answer.starts_with(expected) && answer.ends_with('}'), "{answer}");
    }
    // A client that sends its next request meanwhile has not gone.
    let mut hold = held_store.hold("page", 1);
    let mut socket = request_history(&ada, &room).await;
    hold.reached().await;
    socket.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    socket.shutdown().await.unwrap();
    tokio::time::sleep(2 * limits::ABANDONED_READ_GRACE).await;
    hold.release();
    let answers = until(&mut socket, r#""status":"ok""#).await;
    assert_eq!(statuses(&answers), [200, 200], "{answers}");
}
