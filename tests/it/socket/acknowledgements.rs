//! A REST response comes after the events: when a client has it, all events up to it are in the sockets of the subscribed clients.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use chinwag::bus::{Bus, Envelope, Inbox};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket};

use crate::support::server::{Server, StoreKind};
use crate::support::socket::Socket;

on_each_store! {
    an_answer_comes_after_the_events,
}

/// A bus whose deliveries take so long that a response sent before the delivery certainly arrives earlier.
struct SlowBus(Arc<dyn Inbox>);

impl Bus for SlowBus {
    fn publish(&self, envelope: Envelope) {
        thread::sleep(Duration::from_millis(20));
        self.0.deliver_local(envelope);
    }
}

/// A subscribed client that reads without waiting.
struct Subscriber {
    socket: WebSocket<TcpStream>,
    /// The numbers that were received.
    numbers: BTreeSet<i64>,
}

impl Subscriber {
    fn on(socket: Socket) -> Self {
        let stream = socket.stream.into_inner().into_std().unwrap();
        Self { socket: WebSocket::from_raw_socket(stream, Role::Client, None), numbers: BTreeSet::new() }
    }

    /// Reads the frames that are in the socket now, and checks that they include every number up to this one.
    fn has_all_up_to(&mut self, seq: i64) {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    let frame: Value = serde_json::from_str(&text).unwrap();
                    self.numbers.extend(frame["seq"].as_i64());
                }
                Ok(_) => {}
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        let missing: Vec<i64> = (1..=seq).filter(|number| !self.numbers.contains(number)).collect();
        assert!(missing.is_empty(), "{seq} is answered, and {missing:?} are not there");
    }
}

async fn an_answer_comes_after_the_events(store: StoreKind) {
    let (server, _held_store) = Server::held_on(store, |inbox| Arc::new(SlowBus(inbox))).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let mut socket = grace.connect(&room.socket).await;
    // The server reads the first frame when the connection is live. Events before that come by its catch-up, which no answer waits for.
    socket.send(&json!({"type": "ping"})).await;
    socket.next_of(&["pong"]).await;
    let mut subscriber = Subscriber::on(socket);
    let mut seq = 0;
    for _ in 0..5 {
        // Some are committed while others are delivered.
        let body = json!({"content": "on and on"});
        let mut answers: FuturesUnordered<_> =
            (0..10).map(|number| [&ada, &grace][number % 2].post(&room.messages, &body)).collect();
        while let Some(answer) = answers.next().await {
            let answered = answer.expect(201).json()["seq"].as_i64().unwrap();
            subscriber.has_all_up_to(answered);
            seq = seq.max(answered);
        }
    }
    let message = ada.send(&room, "once more").await;
    let path = format!("{}/{}", room.messages, message["id"].as_str().unwrap());
    seq += 1;
    ada.patch(&path, &json!({"content": "edited"})).await.expect(200);
    subscriber.has_all_up_to(seq + 1);
    ada.delete(&path).await.expect(204);
    subscriber.has_all_up_to(seq + 2);
    ada.patch(&room.path, &json!({"name": "Supper"})).await.expect(200);
    subscriber.has_all_up_to(seq + 3);
    let joan = server.register("joan").await;
    ada.post(&room.members, &json!({"user_id": joan.id})).await.expect(201);
    subscriber.has_all_up_to(seq + 4);
}
