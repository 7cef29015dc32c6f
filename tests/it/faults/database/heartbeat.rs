//! Heartbeats continue while the store is unavailable.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use serde_json::json;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::LENGTHS;
use crate::support::postgres::database;
use crate::support::proxy::{Flow, by_proxy};
use crate::support::rng::FaultRun;
use crate::support::server::Server;
use crate::support::socket::TEST_TIMEOUT;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_sockets_are_pinged_and_answered() {
    let run = FaultRun::new("heartbeats while PostgreSQL is away");
    let length = LENGTHS[usize::from(run.is_thorough())];
    let (proxy, url) = by_proxy(&database().await);
    let heartbeat = Duration::from_millis(200);
    let server = Server::configured(&["--database-url", &url], |config| config.heartbeat = heartbeat).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let mut socket = ada.connect(&room.socket).await;
    socket.send(&json!({"type": "ping"})).await; // answered after the connection is set up
    socket.next_of(&["pong"]).await;

    proxy.set_to_target(Flow::Discard);
    proxy.set_from_target(Flow::Discard);
    let started = Instant::now();
    socket.send(&json!({"type": "message.send", "content": "into the dark"})).await;
    let (mut pings, mut answered) = (0, 0);
    while started.elapsed() < length {
        match timeout(TEST_TIMEOUT, socket.stream.next()).await.expect("a heartbeat") {
            Some(Ok(Message::Ping(_))) => {
                pings += 1;
                socket.send(&json!({"type": "ping"})).await;
            }
            Some(Ok(Message::Text(text))) => answered += usize::from(text.contains(r#""type":"pong""#)),
            other => panic!("{other:?} after {:?}", started.elapsed()),
        }
    }
    // A busy machine sends them late.
    assert!(pings >= 5 && answered + 1 >= pings, "{pings} pings, {answered} answered");
    run.print(format_args!("{pings} pings in {length:?} on an open socket"));
}
