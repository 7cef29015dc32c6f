//! The readers of a store are shared by users, and a read whose caller has gone ends.

use std::time::Duration;

use chinwag::limits::{self, STORE_CALLS_PER_USER_MAX};
use futures_util::future::join_all;
use serde_json::json;
use socket2::SockRef;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::client::{Conversation, TestUser};
use crate::support::lock_holder::LockHolder;
use crate::support::postgres::database;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_ends_with_the_connection_that_asked_for_it() {
    let url = database().await;
    let server = Server::with(&["--database-url", &url]).await;
    let ada = server.register("ada").await;
    let room = ada.group("Lunch", &[]).await;
    let locked = LockHolder::new(&url, "LOCK TABLE messages IN ACCESS EXCLUSIVE MODE").await;
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
    locked.release().await;
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
    let locked = LockHolder::new(&url, "LOCK TABLE messages IN ACCESS EXCLUSIVE MODE").await;
    for is_reset in [false, true, false, true] {
        let socket = request_history(&ada, &room).await;
        locked.waits(1).await;
        if is_reset {
            SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
        }
        drop(socket);
        locked.waits(0).await;
    }
    locked.release().await;
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
