//! A member: a WebSocket client that does as little as it can and still checks everything.
//!
//! A library would parse each frame's JSON and cost more than the server. The frames of `message.new` begin alike, so that the
//! number and the id stand where they are looked for; what does not begin so is parsed.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use bytes::{Buf, BufMut, BytesMut};
use chinwag::domain::{ConversationId, MessageId};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// Sends that a sender has under way: not yet come back as `message.new`.
pub(super) const WINDOW: usize = 64;

/// The length of an id as text.
const ID: usize = 36;
const TEXT: u8 = 0x81;
const PING: u8 = 0x89;
/// A pong without payload, masked with zeros.
const PONG: [u8; 6] = [0x8A, 0x80, 0, 0, 0, 0];

/// A connection, which is read by a task of its own.
pub(super) struct Member(Arc<Shared>);

struct Shared {
    socket: TcpStream,
    /// The number of the newest message that was heard; all before it were.
    heard: AtomicI64,
    /// What went wrong first.
    failure: OnceLock<String>,
    /// One's own messages that have not come back, in the order of sending.
    own: Mutex<VecDeque<String>>,
    window: Semaphore,
}

impl Member {
    /// Shakes hands and waits for `hello`.
    pub(super) async fn join(address: SocketAddr, id: ConversationId, token: &str) -> Result<Self, String> {
        let socket = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
        socket.set_nodelay(true).map_err(|error| error.to_string())?;
        let shared = Arc::new(Shared {
            socket,
            heard: AtomicI64::new(0),
            failure: OnceLock::new(),
            own: Mutex::default(),
            window: Semaphore::new(WINDOW),
        });
        let request = format!(
            "GET /ws/{id} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Authorization: Bearer {token}\r\n\r\n"
        );
        shared.write(request.as_bytes()).await?;
        let mut buffer = BytesMut::with_capacity(64 * 1024);
        let head = loop {
            shared.read(&mut buffer).await?;
            if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break buffer.split_to(end + 4);
            }
        };
        if !head.starts_with(b"HTTP/1.1 101 ") {
            return Err(format!("no WebSocket: {}", String::from_utf8_lossy(&head)));
        }
        let hello = loop {
            if let Some((TEXT, payload)) = take_frame(&mut buffer) {
                break serde_json::from_slice::<Value>(&payload).map_err(|error| error.to_string())?;
            }
            shared.read(&mut buffer).await?;
        };
        let head = hello["conversation"]["last_seq"].as_i64().ok_or_else(|| format!("no hello: {hello}"))?;
        shared.heard.store(head, Ordering::Relaxed);
        let listener = Arc::clone(&shared);
        tokio::spawn(async move {
            if let Err(reason) = listener.listen(buffer).await {
                let _ = listener.failure.set(reason); // the first one counts
            }
        });
        Ok(Self(shared))
    }

    /// The number of the newest message that was heard.
    pub(super) fn heard(&self) -> i64 {
        self.0.heard.load(Ordering::Relaxed)
    }

    /// Whether all went well so far.
    pub(super) fn check(&self) -> Result<(), String> {
        self.0.failure.get().map_or(Ok(()), |reason| Err(reason.clone()))
    }

    /// Whether something that it sent has not come back.
    pub(super) fn waits_for_its_own(&self) -> bool {
        !self.0.own.lock().unwrap().is_empty()
    }

    /// Sends as long as there is time, with a full window; returns how many.
    pub(super) fn send_until(&self, deadline: Instant) -> impl Future<Output = Result<i64, String>> + use<> {
        let shared = Arc::clone(&self.0);
        async move {
            let mut sent = 0;
            let mut frames = Vec::new();
            loop {
                let first = tokio::time::timeout(super::PATIENCE, shared.window.acquire()).await;
                let Ok(Ok(first)) = first else {
                    let reason = shared.failure.get().cloned();
                    return Err(reason.unwrap_or_else(|| "a send was not acknowledged in time".to_owned()));
                };
                if Instant::now() >= deadline {
                    return Ok(sent);
                }
                first.forget();
                let more = shared.window.available_permits();
                if let Ok(places) = shared.window.try_acquire_many(u32::try_from(more).unwrap_or(0)) {
                    places.forget();
                }
                frames.clear();
                for _ in 0..=more {
                    let id = MessageId::new().to_string();
                    put_send(&mut frames, &id);
                    shared.own.lock().unwrap().push_back(id);
                    sent += 1;
                }
                shared.write(&frames).await?;
            }
        }
    }
}

impl Shared {
    async fn write(&self, mut bytes: &[u8]) -> Result<(), String> {
        while !bytes.is_empty() {
            self.socket.writable().await.map_err(|error| error.to_string())?;
            match self.socket.try_write(bytes) {
                Ok(count) => bytes.advance(count),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(())
    }

    async fn read(&self, buffer: &mut BytesMut) -> Result<(), String> {
        loop {
            self.socket.readable().await.map_err(|error| error.to_string())?;
            buffer.reserve(16 * 1024);
            match self.socket.try_read_buf(buffer) {
                Ok(0) => return Err("the server closed the connection".to_owned()),
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    async fn listen(&self, mut buffer: BytesMut) -> Result<(), String> {
        let mut heard = self.heard.load(Ordering::Relaxed);
        loop {
            while let Some((kind, payload)) = take_frame(&mut buffer) {
                match kind {
                    TEXT => self.hear(&payload, &mut heard)?,
                    PING => self.write(&PONG).await?,
                    other => return Err(format!("an unexpected frame: {other:#x} {payload:?}")),
                }
            }
            self.heard.store(heard, Ordering::Relaxed);
            self.read(&mut buffer).await?;
        }
    }

    /// Checks a frame's number and, where it is one's own, its place among one's own.
    fn hear(&self, payload: &[u8], heard: &mut i64) -> Result<(), String> {
        let Some((seq, id)) = new_message(payload) else {
            let frame: Value = serde_json::from_slice(payload).map_err(|error| error.to_string())?;
            return match frame["type"].as_str() {
                Some("presence.state" | "presence.diff" | "heartbeat") => Ok(()),
                _ => Err(format!("an unexpected frame: {frame}")),
            };
        };
        if seq != *heard + 1 {
            return Err(format!("heard {seq} after {heard}"));
        }
        *heard = seq;
        let mut own = self.own.lock().unwrap();
        if own.front().is_some_and(|front| front.as_bytes() == id) {
            own.pop_front();
            self.window.add_permits(1);
        }
        Ok(())
    }
}

/// The number and the message's id, if it is a `message.new`.
fn new_message(payload: &[u8]) -> Option<(i64, &[u8])> {
    let rest = payload.strip_prefix(br#"{"type":"message.new","conversation_id":""#)?;
    let rest = rest.get(ID..)?.strip_prefix(br#"","seq":"#)?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let seq = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
    let id = rest[digits..].strip_prefix(br#","message":{"id":""#)?.get(..ID)?;
    Some((seq, id))
}

/// Takes a whole frame from the front, if there is one.
fn take_frame(buffer: &mut BytesMut) -> Option<(u8, BytesMut)> {
    let (&first, &second) = (buffer.first()?, buffer.get(1)?);
    let (header, length) = match second {
        126 => (4, usize::from(u16::from_be_bytes(buffer.get(2..4)?.try_into().ok()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(buffer.get(2..10)?.try_into().ok()?)).ok()?),
        short => (2, usize::from(short)),
    };
    if buffer.len() < header + length {
        return None;
    }
    buffer.advance(header);
    Some((first, buffer.split_to(length)))
}

/// Appends the frame of a send, masked with zeros: the server unmasks it like any other.
fn put_send(out: &mut Vec<u8>, id: &str) {
    const CONTENT: &str = "Shall we have lunch at noon? The usual place, I think.";
    let payload = format!(r#"{{"type":"message.send","id":"{id}","content":"{CONTENT}"}}"#);
    out.put_u8(TEXT);
    match u16::try_from(payload.len()) {
        Ok(length @ ..=125) => out.put_u8(0x80 | length.to_be_bytes()[1]),
        length => {
            out.put_u8(0xFE);
            out.put_u16(length.expect("a short text"));
        }
    }
    out.put_u32(0);
    out.put_slice(payload.as_bytes());
}
