//! Somebody on a WebSocket.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::{Error, Message};
use uuid::Uuid;

use super::{Actor, Goal, PAUSE, SILENCE};
use crate::support::history::{ConnectionNumber, Entry, Event, ReaderNumber};
use crate::support::socket::Socket;

/// Sends that one talker has under way.
const WINDOW: usize = 8;

pub(super) struct Talker {
    actor: Actor,
    talks: bool,
    reader: ReaderNumber,
    /// The last number of those that came without a hole.
    has: i64,
    /// What is not acknowledged, oldest first.
    pending: VecDeque<Pending>,
    /// What was sent more than once: its answer may come out of the order.
    repeated: HashSet<Uuid>,
}

struct Pending {
    id: Uuid,
    content: String,
    /// Where it was sent last.
    on: Option<ConnectionNumber>,
}

/// A connection of theirs.
struct Line {
    socket: Socket,
    number: ConnectionNumber,
    /// All that was missed has come: from here on they talk.
    resumed: bool,
    /// When the next send may go out.
    not_before: Instant,
    /// When to come back, once the connection has ended.
    come_back: Duration,
}

impl Talker {
    pub(super) fn new(actor: Actor, talks: bool) -> Self {
        let reader = actor.log.number();
        Self { actor, talks, reader, has: 0, pending: VecDeque::new(), repeated: HashSet::new() }
    }

    /// Listens and talks, on one connection after the other.
    pub(super) async fn live(mut self) {
        while !self.has_all() {
            let pause = match self.connect().await {
                Ok(line) => self.converse(line).await,
                Err(pause) => pause,
            };
            sleep(pause).await;
        }
    }

    /// Whether nothing more is to come; and tells if nothing of theirs is under way any more.
    fn has_all(&mut self) -> bool {
        let goal = *self.actor.goal.borrow_and_update();
        if goal != Goal::Talk && self.pending.is_empty() {
            self.actor.unsettled = None;
        }
        matches!(goal, Goal::Until(seq) if self.has >= seq)
    }

    async fn connect(&mut self) -> Result<Line, Duration> {
        let path = format!("{}?after_seq={}", self.actor.room.socket, self.has);
        let bearer = format!("Bearer {}", self.actor.person.token);
        let headers = [("authorization", bearer.as_str())];
        let opening = Socket::open(self.actor.person.address, &path, &headers);
        let socket = match timeout(2 * SILENCE, opening).await {
            Ok(Ok(socket)) => socket,
            Ok(Err(error)) => return Err(refused(&error).unwrap_or(self.actor.pause)),
            Err(_) => return Err(self.actor.pause),
        };
        let number = self.actor.log.number();
        self.actor.log.note(Entry::Opened {
            connection: number,
            reader: self.reader,
            user: self.actor.user,
            conversation: self.actor.conversation,
            after: self.has,
        });
        Ok(Line { socket, number, resumed: false, not_before: Instant::now(), come_back: PAUSE })
    }

    /// Takes part on one connection; returns when to come back.
    async fn converse(&mut self, mut line: Line) -> Duration {
        let mut asked = false;
        while !self.has_all() {
            if !self.talk(&mut line).await {
                break;
            }
            let wants_to_talk = Instant::now() < line.not_before;
            tokio::select! {
                message = line.socket.stream.next() => {
                    asked = false;
                    if !self.take(&mut line, message).await {
                        break;
                    }
                }
                _ = self.actor.goal.changed() => {}
                () = sleep_until(line.not_before), if wants_to_talk => {}
                () = sleep(SILENCE) => {
                    if asked || line.socket.stream.send(Message::text(r#"{"type":"ping"}"#)).await.is_err() {
                        break;
                    }
                    asked = true;
                }
            }
        }
        line.come_back
    }

    /// Sends what may be sent: first again what was not acknowledged. False if the connection is gone.
    async fn talk(&mut self, line: &mut Line) -> bool {
        while self.talks && line.resumed && Instant::now() >= line.not_before {
            let under_way = self.pending.iter().filter(|pending| pending.on == Some(line.number)).count();
            if under_way == self.pending.len() {
                if under_way >= WINDOW || *self.actor.goal.borrow() != Goal::Talk {
                    break;
                }
                let (id, content) = self.actor.draft();
                self.pending.push_back(Pending { id, content, on: None });
            }
            let Some(next) = self.pending.iter_mut().find(|pending| pending.on != Some(line.number)) else { break };
            if next.on.replace(line.number).is_some() {
                self.repeated.insert(next.id);
            }
            self.actor.sent(next.id, &next.content, Some(line.number));
            let frame = json!({"type": "message.send", "id": next.id, "content": next.content}).to_string();
            if !matches!(timeout(2 * SILENCE, line.socket.stream.send(Message::text(frame))).await, Ok(Ok(()))) {
                return false;
            }
        }
        true
    }

    /// Takes what came. False if the connection has ended.
    async fn take(&mut self, line: &mut Line, message: Option<Result<Message, Error>>) -> bool {
        match message {
            Some(Ok(Message::Text(text))) => self.hear(line, &serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Close(close))) => {
                let code = close.map_or(1005, |close| close.code.into());
                self.actor.log.note(Entry::Closed { connection: line.number, code });
                assert!(code < 4500, "told not to come back: {code}");
                if code == 4040 && self.actor.refresh().await.is_ok() {
                    line.come_back = Duration::ZERO;
                }
                return false;
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return false,
        }
        true
    }

    fn hear(&mut self, line: &mut Line, frame: &Value) {
        if let Some(event) = Event::of(frame) {
            self.hear_event(line.number, event);
            return;
        }
        match frame["type"].as_str().unwrap() {
            "resumed" => {
                line.resumed = true;
                self.actor.log.note(Entry::Resumed);
            }
            "draining" => {
                let reconnect_after_ms = frame["reconnect_after_ms"].as_u64().unwrap();
                self.actor.log.note(Entry::Draining { reconnect_after_ms });
                line.come_back = Duration::from_millis(reconnect_after_ms);
            }
            "error" => self.refuse(line, frame),
            _ => {}
        }
    }

    fn hear_event(&mut self, connection: ConnectionNumber, event: Event) {
        // The answer to a retry may come out of the order, which then comes besides.
        if event.seq == self.has + 1 || !self.repeated.contains(&event.id) {
            self.has = self.has.max(event.seq);
        }
        if event.kind == "message.new"
            && let Some(place) = self.pending.iter().position(|pending| pending.id == event.id)
        {
            self.pending.remove(place);
            self.actor.log.note(Entry::Acknowledged { id: event.id, seq: event.seq });
        }
        self.actor.log.note(Entry::Got { connection, event });
    }

    /// A send was refused: for good, or for the moment.
    fn refuse(&mut self, line: &mut Line, error: &Value) {
        let id: Option<Uuid> = error["ref"].as_str().and_then(|reference| reference.parse().ok());
        let place = self.pending.iter().position(|pending| Some(pending.id) == id);
        let place = place.unwrap_or_else(|| panic!("an error that answers nothing: {error}"));
        let code = error["code"].as_str().unwrap().to_owned();
        let retry_after_ms = error["retry_after_ms"].as_u64();
        self.actor.log.note(Entry::Refused { id: self.pending[place].id, code, retry_after_ms });
        if error["retryable"] == true {
            self.pending[place].on = None;
            self.repeated.insert(self.pending[place].id);
            line.not_before = Instant::now() + retry_after_ms.map_or(PAUSE, Duration::from_millis);
        } else {
            self.pending.remove(place);
        }
    }
}

/// When a server that refused a handshake wants to be asked again.
fn refused(error: &Error) -> Option<Duration> {
    let Error::Http(answer) = error else { return None };
    // Too much for everybody, or too many from one address while those that were cut are not noticed yet.
    assert!([503, 429].contains(&answer.status().as_u16()), "{answer:?}");
    answer.headers().get("retry-after")?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}
