//! The listener of a crowd: a process that holds many connections to one node, and tells its parent when all have a message.

use std::cell::{Cell, RefCell};
use std::io::{Read, Write, stdin, stdout};
use std::rc::Rc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::Notify;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::timeout;

use super::frames::{CLOSE, PING, PONG, ReceivedMessage, next_frame};
use super::options::Listen;
use super::websocket::{WebSocket, read_available, write_all};

/// Longest wait until all connections of a crowd are open, or have a message.
pub(super) const CROWD_TIMEOUT: Duration = Duration::from_secs(600);
/// Handshakes in flight at a time. As many as a node has connections to read its store by: more wait until the node sends them away.
const HANDSHAKES_CONCURRENT: usize = 8;

/// The deliveries of one message on one node.
pub(super) struct Heard {
    pub(super) deliveries: u64,
    /// Bytes of the frames of these deliveries.
    pub(super) bytes: u64,
}

impl Heard {
    /// Reads a line that [`listen`] printed, after its first word.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let (deliveries, bytes) = line.trim().split_once(' ')?;
        Some(Self { deliveries: deliveries.parse().ok()?, bytes: bytes.parse().ok()? })
    }
}

/// Counts the deliveries of all connections.
#[derive(Default)]
struct Counts {
    deliveries: Cell<u64>,
    bytes: Cell<u64>,
    failure: RefCell<Option<String>>,
    changed: Notify,
}

/// Opens a connection for each token on standard input, prints `ready`, and then `heard` each time that all have one message more. Ends with
/// the first failure, or with its parent. Needs a single-threaded runtime.
pub(super) async fn listen(options: &Listen) -> Result<(), String> {
    let mut tokens = String::new();
    stdin().read_to_string(&mut tokens).map_err(|error| error.to_string())?;
    LocalSet::new().run_until(count_deliveries(options, tokens.lines().collect())).await
}

async fn count_deliveries(options: &Listen, tokens: Vec<&str>) -> Result<(), String> {
    let (counts, mut readers) = (Rc::new(Counts::default()), JoinSet::new());
    let mut connecting = stream::iter(&tokens)
        .map(|token| WebSocket::connect(options.address, Some(options.conversation_id), token))
        .buffer_unordered(HANDSHAKES_CONCURRENT);
    while let Some(websocket) = connecting.try_next().await? {
        readers.spawn_local(read(websocket, Rc::clone(&counts)));
    }
    say("ready")?;
    let all = tokens.len() as u64;
    loop {
        timeout(CROWD_TIMEOUT, counts.changed.notified()).await.map_err(|_| "no message came")?;
        if let Some(failure) = counts.failure.take() {
            return Err(failure);
        }
        if counts.deliveries.get() == all {
            say(&format!("heard {all} {}", counts.bytes.take()))?;
            counts.deliveries.set(0);
        }
    }
}

/// Reads a connection to its end. All messages are sent one after another, so none is heard twice in a round.
async fn read(websocket: WebSocket, counts: Rc<Counts>) {
    let WebSocket { socket, mut unread, .. } = websocket;
    let failure = loop {
        while let Some((kind, payload, length)) = next_frame(&unread) {
            if kind == PING {
                if let Err(failure) = write_all(&socket, &PONG).await {
                    counts.failure.replace(Some(failure));
                    return;
                }
            } else if kind == CLOSE {
                let code = payload.first_chunk().map_or(0, |code| u16::from_be_bytes(*code));
                counts.failure.replace(Some(format!("the server closed a connection with code {code}")));
                counts.changed.notify_one();
                return;
            } else if ReceivedMessage::parse(payload).is_some() {
                counts.deliveries.set(counts.deliveries.get() + 1);
                counts.bytes.set(counts.bytes.get() + length as u64);
                counts.changed.notify_one();
            }
            unread.drain(..length);
        }
        if unread.is_empty() {
            // Most connections wait most of the time, and there are very many.
            unread = Vec::new();
        }
        if let Err(failure) = socket.readable().await {
            break failure.to_string();
        }
        if let Err(failure) = read_available(&socket, &mut unread).await {
            break failure;
        }
    };
    counts.failure.replace(Some(failure));
    counts.changed.notify_one();
}

fn say(line: &str) -> Result<(), String> {
    let mut out = stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| error.to_string())
}
