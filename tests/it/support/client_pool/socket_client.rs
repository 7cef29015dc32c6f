//! A client on a WebSocket.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::{Error, Message};
use uuid::Uuid;

use super::{IDLE_TIMEOUT, Phase, RETRY_PAUSE, SimulatedClient};
use crate::support::history::{ConnectionNumber, Entry, Event, ReaderNumber};
use crate::support::socket::Socket;

/// The maximal number of sends that one client has in flight.
const WINDOW: usize = 8;

pub(super) struct SocketClient {
    client: SimulatedClient,
    sends: bool,
    reader: ReaderNumber,
    /// The last number that was received without a gap.
    last_seq: i64,
    /// Unacknowledged messages, oldest first.
    pending: VecDeque<Pending>,
    /// Messages that were sent more than once: their acknowledgements may arrive out of order.
    repeated: HashSet<Uuid>,
    acknowledged: HashSet<Uuid>,
}

struct Pending {
    id: Uuid,
    content: String,
    /// The connection on which it was sent last.
    on: Option<ConnectionNumber>,
}

/// A connection of the client.
struct Connection {
    socket: Socket,
    number: ConnectionNumber,
    /// True after the replay: the client sends from here on.
    resumed: bool,
    /// The time of the next send.
    not_before: Instant,
    /// The pause before the next connection.
    reconnect_after: Duration,
}

impl SocketClient {
    pub(super) fn new(client: SimulatedClient, sends: bool) -> Self {
        let reader = client.log.number();
        Self {
            client,
            sends,
            reader,
            last_seq: 0,
            pending: VecDeque::new(),
            repeated: HashSet::new(),
            acknowledged: HashSet::new(),
        }
    }

    /// Reads and sends, on one connection after the other, until the client has everything.
    pub(super) async fn run(mut self) {
        while !self.has_all() {
            let pause = match self.connect().await {
                Ok(connection) => self.use_connection(connection).await,
                Err(pause) => pause,
            };
            sleep(pause).await;
        }
    }

    /// Returns true if the client has everything. Reports when it has no message in flight after the sending phase.
    fn has_all(&mut self) -> bool {
        let phase = *self.client.phase.borrow_and_update();
        if phase != Phase::Send && self.pending.is_empty() {
            self.client.unsettled = None;
        }
        matches!(phase, Phase::ReadUntil(seq) if self.last_seq >= seq)
    }

    async fn connect(&mut self) -> Result<Connection, Duration> {
        let path = format!("{}?after_seq={}", self.client.room.socket, self.last_seq);
        let bearer = format!("Bearer {}", self.client.user.token);
        let headers = [("authorization", bearer.as_str())];
        let opening = Socket::open(self.client.user.address, &path, &headers);
        let socket = match timeout(2 * IDLE_TIMEOUT, opening).await {
            Ok(Ok(socket)) => socket,
            Ok(Err(error)) => return Err(retry_after(&error).unwrap_or(self.client.pause)),
            Err(_) => return Err(self.client.pause),
        };
        let number = self.client.log.number();
        self.client.log.note(Entry::Opened {
            connection: number,
            reader: self.reader,
            user: self.client.user_id,
            conversation: self.client.conversation,
            after: self.last_seq,
        });
        Ok(Connection { socket, number, resumed: false, not_before: Instant::now(), reconnect_after: RETRY_PAUSE })
    }

    /// Reads and sends on one connection until it ends. Returns the pause before the next connection.
    async fn use_connection(&mut self, mut connection: Connection) -> Duration {
        let mut pinged = false;
        while !self.has_all() {
            if !self.send_pending(&mut connection).await {
                break;
            }
            let is_delayed = Instant::now() < connection.not_before;
            tokio::select! {
                message = connection.socket.stream.next() => {
                    pinged = false;
                    if !self.receive(&mut connection, message).await {
                        break;
                    }
                }
                _ = self.client.phase.changed() => {}
                () = sleep_until(connection.not_before), if is_delayed => {}
                () = sleep(IDLE_TIMEOUT) => {
                    if pinged || connection.socket.stream.send(Message::text(r#"{"type":"ping"}"#)).await.is_err() {
                        break;
                    }
                    pinged = true;
                }
            }
        }
        connection.reconnect_after
    }

    /// Sends what may be sent, unacknowledged messages first. Returns false if the connection has failed.
    async fn send_pending(&mut self, connection: &mut Connection) -> bool {
        while self.sends && connection.resumed && Instant::now() >= connection.not_before {
            let in_flight = self.pending.iter().filter(|pending| pending.on == Some(connection.number)).count();
            if in_flight == self.pending.len() {
                if in_flight >= WINDOW || *self.client.phase.borrow() != Phase::Send {
                    break;
                }
                let (id, content) = self.client.draft();
                self.pending.push_back(Pending { id, content, on: None });
            }
            let Some(next) = self.pending.iter_mut().find(|pending| pending.on != Some(connection.number)) else {
                break;
            };
            if next.on.replace(connection.number).is_some() {
                self.repeated.insert(next.id);
            }
            self.client.sent(next.id, &next.content, Some(connection.number));
            let frame = json!({"type": "message.send", "id": next.id, "content": next.content}).to_string();
            if !matches!(
                timeout(2 * IDLE_TIMEOUT, connection.socket.stream.send(Message::text(frame))).await,
                Ok(Ok(()))
            ) {
                return false;
            }
        }
        true
    }

    /// Handles a WebSocket message. Returns false if the connection has ended.
    async fn receive(&mut self, connection: &mut Connection, message: Option<Result<Message, Error>>) -> bool {
        match message {
            Some(Ok(Message::Text(text))) => self.handle_frame(connection, &serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Close(close))) => {
                let code = close.map_or(1005, |close| close.code.into());
                self.client.log.note(Entry::Closed { connection: connection.number, code });
                assert!(code < 4500, "closed with a code that forbids a reconnect: {code}");
                if code == 4040 && self.client.refresh().await.is_ok() {
                    connection.reconnect_after = Duration::ZERO;
                }
                return false;
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return false,
        }
        true
    }

    fn handle_frame(&mut self, connection: &mut Connection, frame: &Value) {
        if let Some(event) = Event::of(frame) {
            self.handle_event(connection.number, event);
            return;
        }
        match frame["type"].as_str().unwrap() {
            "resumed" => {
                connection.resumed = true;
                self.client.log.note(Entry::Resumed);
            }
            "draining" => {
                let reconnect_after_ms = frame["reconnect_after_ms"].as_u64().unwrap();
                self.client.log.note(Entry::Draining { reconnect_after_ms });
                connection.reconnect_after = Duration::from_millis(reconnect_after_ms);
            }
            "error" => self.refuse(connection, frame),
            _ => {}
        }
    }

    fn handle_event(&mut self, connection: ConnectionNumber, event: Event) {
        // The acknowledgement of a retry may arrive out of order, and the event then arrives once more in order.
        if event.seq == self.last_seq + 1 || !self.repeated.contains(&event.id) {
            self.last_seq = self.last_seq.max(event.seq);
        }
        if event.kind == "message.new"
            && let Some(index) = self.pending.iter().position(|pending| pending.id == event.id)
        {
            self.pending.remove(index);
            self.acknowledged.insert(event.id);
            self.client.log.note(Entry::Acknowledged { id: event.id, seq: event.seq });
        }
        self.client.log.note(Entry::Received { connection, event });
    }

    /// Handles a refused send: drops the message, or retries it later if the error is retryable.
    fn refuse(&mut self, connection: &mut Connection, error: &Value) {
        let id: Option<Uuid> = error["ref"].as_str().and_then(|reference| reference.parse().ok());
        let index = self.pending.iter().position(|pending| Some(pending.id) == id);
        // A node that got no answer to a commit does not know that the message which it has read and delivered meanwhile is its own.
        let is_overtaken = |id: &Uuid| error["code"] == "unavailable" && self.acknowledged.contains(id);
        let id = id.filter(|id| index.is_some() || self.repeated.contains(id) || is_overtaken(id));
        let id = id.unwrap_or_else(|| panic!("an error without a known ref: {error}"));
        let code = error["code"].as_str().unwrap().to_owned();
        let retry_after_ms = error["retry_after_ms"].as_u64();
        self.client.log.note(Entry::Refused { id, code, retry_after_ms });
        // An earlier try, at another node, may be acknowledged while this one is on its way.
        let Some(index) = index else { return };
        if error["retryable"] == true {
            self.pending[index].on = None;
            self.repeated.insert(id);
            connection.not_before = Instant::now() + retry_after_ms.map_or(RETRY_PAUSE, Duration::from_millis);
        } else {
            self.pending.remove(index);
        }
    }
}

/// Returns the `Retry-After` of a refused handshake.
fn retry_after(error: &Error) -> Option<Duration> {
    let Error::Http(answer) = error else { return None };
    // The server is overloaded, or this address has too many sockets because the server has not noticed that some were cut.
    assert!([503, 429].contains(&answer.status().as_u16()), "{answer:?}");
    answer.headers().get("retry-after")?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}
