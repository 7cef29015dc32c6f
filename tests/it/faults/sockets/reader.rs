//! A client that reads only when the test says so.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use crate::support::client::{Conversation, TestUser};
use crate::support::history::{ConnectionNumber, Entry, Event, Log, ReaderNumber};
use crate::support::socket::Socket;

/// How long a client may take to read the backlog while more arrives.
const WITHIN: Duration = Duration::from_secs(60);

/// A client subscribed to one conversation.
pub(super) struct Reader {
    log: Log,
    pub(super) person: TestUser,
    user: Uuid,
    room: Conversation,
    conversation: Uuid,
    number: ReaderNumber,
    /// The last number that was received.
    has: i64,
    line: Option<(Socket, ConnectionNumber)>,
}

impl Reader {
    pub(super) fn new(log: &Log, person: &TestUser, room: &Conversation) -> Self {
        let (user, conversation) = (person.id.parse().unwrap(), room.id.parse().unwrap());
        log.note(Entry::Member { conversation, user });
        let (person, room, number) = (person.clone(), room.clone(), log.number());
        Self { log: log.clone(), person, user, room, conversation, number, has: 0, line: None }
    }

    /// Connects or reconnects, and reads to the end of the replay.
    pub(super) async fn catch_up(&mut self) {
        let socket = self.person.open(&format!("{}?after_seq={}", self.room.socket, self.has)).await;
        let connection = self.log.number();
        let (reader, user, conversation, after) = (self.number, self.user, self.conversation, self.has);
        self.log.note(Entry::Opened { connection, reader, user, conversation, after });
        self.line = Some((socket, connection));
        let ended = self.read(|_, frame| frame["type"] == "resumed").await;
        assert_eq!(ended, None, "closed while it was read");
    }

    /// Reads until the connection ends. Returns the close code, if any.
    pub(super) async fn read_to_the_end(&mut self) -> Option<u16> {
        self.read(|_, _| false).await.unwrap()
    }

    /// Reads until it has this number.
    pub(super) async fn read_up_to(&mut self, seq: i64) {
        if self.has < seq {
            let ended = self.read(|has, _| has >= seq).await;
            assert_eq!(ended, None, "closed while it was read");
        }
    }

    /// Reads until a frame matches. If the connection ends before, returns the close code, if any.
    async fn read(&mut self, is_wanted: impl Fn(i64, &Value) -> bool) -> Option<Option<u16>> {
        let (socket, connection) = self.line.as_mut().unwrap();
        let deadline = Instant::now() + WITHIN;
        loop {
            match timeout_at(deadline, socket.stream.next()).await.expect("what was waited for, in time") {
                Some(Ok(Message::Text(text))) => {
                    let frame = serde_json::from_str(&text).unwrap();
                    if let Some(event) = Event::of(&frame) {
                        self.has = event.seq;
                        self.log.note(Entry::Received { connection: *connection, event });
                    }
                    if is_wanted(self.has, &frame) {
                        return None;
                    }
                }
                Some(Ok(Message::Close(close))) => return Some(close.map(|close| close.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Some(None),
            }
        }
    }
}
