//! Heartbeats go on while the store is in trouble.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use serde_json::json;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::LENGTHS;
use super::postgres::by_proxy;
use crate::support::chance::Run;
use crate::support::postgres::database;
use crate::support::proxy::Flow;
use crate::support::server::Server;
use crate::support::socket::PATIENCE;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_sockets_are_pinged_and_answered() {
    let run = Run::new("heartbeats while PostgreSQL is away");
    let length = LENGTHS[usize::from(run.is_thorough())];
    let (proxy, url) = by_proxy(&database().await);
    let heartbeat = Duration::from_millis(200);
    let server = Server::configured(&["--database-url", &url], |config| config.heartbeat = heartbeat).await;
    let (ada, grace) = (server.person("ada").await, server.person("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let mut socket = ada.listen(&room.socket).await;
    socket.send(&json!({"type": "ping"})).await; // answered once the socket has fully begun
    socket.next_of(&["pong"]).await;

    proxy.there(Flow::Swallow);
    proxy.back(Flow::Swallow);
    let begun = Instant::now();
    socket.send(&json!({"type": "message.send", "content": "into the dark"})).await;
    let (mut pings, mut answered) = (0, 0);
    while begun.elapsed() < length {
        match timeout(PATIENCE, socket.stream.next()).await.expect("a heartbeat") {
            Some(Ok(Message::Ping(_))) => {
                pings += 1;
                socket.send(&json!({"type": "ping"})).await;
            }
            Some(Ok(Message::Text(text))) => answered += usize::from(text.contains(r#""type":"pong""#)),
            other => panic!("{other:?} after {:?}", begun.elapsed()),
        }
    }
    // A busy machine is late.
    assert!(pings >= 5 && answered + 1 >= pings, "{pings} pings, {answered} answered");
    run.tell(format_args!("{pings} pings in {length:?} on an open socket"));
}
