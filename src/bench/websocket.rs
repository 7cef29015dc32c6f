//! A connection begins: the handshake and `hello`.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::frames::{self, TEXT};
use crate::domain::ConversationId;

/// Until a connection stands and was greeted: a storm of them takes its time.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of an answer's head and `hello`; both together have some 1,500.
const GREETING: usize = 16 * 1024;
/// Bytes that are read at a time: a greeting fits.
const READ_BYTES: usize = 2 * 1024;

/// A connection that was greeted.
pub(super) struct Link {
    pub(super) socket: TcpStream,
    /// The newest number of the conversation; none on `/ws`.
    pub(super) last_seq: Option<i64>,
    /// What came behind `hello`.
    pub(super) rest: Vec<u8>,
}

impl Link {
    /// Connects to one conversation or, without, to all.
    pub(super) async fn open(address: SocketAddr, room: Option<ConversationId>, token: &str) -> Result<Self, String> {
        let opened = timeout(PATIENCE, Self::greeted(address, room, token)).await;
        opened.unwrap_or_else(|_| Err(format!("a connection was not greeted in {PATIENCE:?}")))
    }

    async fn greeted(address: SocketAddr, room: Option<ConversationId>, token: &str) -> Result<Self, String> {
        let socket = TcpStream::connect(address).await.map_err(|error| format!("{address}: {error}"))?;
        socket.set_nodelay(true).map_err(|error| error.to_string())?;
        let room = room.map(|id| format!("/{id}")).unwrap_or_default();
        let request = format!(
            "GET /ws{room} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Authorization: Bearer {token}\r\n\r\n"
        );
        write(&socket, request.as_bytes()).await?;
        let mut buffer = Vec::with_capacity(READ_BYTES);
        let end = loop {
            read(&socket, &mut buffer).await?;
            if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
        };
        if !buffer.starts_with(b"HTTP/1.1 101 ") {
            return Err(format!("no WebSocket: {}", String::from_utf8_lossy(&buffer)));
        }
        buffer.drain(..end);
        let (hello, length) = loop {
            if let Some((kind, payload, length)) = frames::first(&buffer) {
                break (hello(kind, payload)?, length);
            }
            read(&socket, &mut buffer).await?;
        };
        buffer.drain(..length);
        Ok(Self { socket, last_seq: hello["conversation"]["last_seq"].as_i64(), rest: buffer })
    }
}

fn hello(kind: u8, payload: &[u8]) -> Result<Value, String> {
    let text = || String::from_utf8_lossy(payload);
    let frame: Value =
        serde_json::from_slice(payload).map_err(|_| format!("instead of hello: {kind:#x} {}", text()))?;
    let is_hello = kind == TEXT && frame["type"] == "hello";
    is_hello.then_some(frame).ok_or_else(|| format!("instead of hello: {}", text()))
}

/// Writes all of it.
pub(super) async fn write(socket: &TcpStream, mut bytes: &[u8]) -> Result<(), String> {
    while !bytes.is_empty() {
        socket.writable().await.map_err(|error| error.to_string())?;
        match socket.try_write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(())
}

/// Appends what there is to a greeting, or waits for something.
async fn read(socket: &TcpStream, buffer: &mut Vec<u8>) -> Result<(), String> {
    if buffer.len() > GREETING {
        return Err("the server's greeting does not end".to_owned());
    }
    read_some(socket, buffer).await
}

/// Appends what there is, or waits for something.
pub(super) async fn read_some(socket: &TcpStream, buffer: &mut Vec<u8>) -> Result<(), String> {
    loop {
        buffer.reserve(READ_BYTES);
        socket.readable().await.map_err(|error| error.to_string())?;
        match socket.try_read_buf(buffer) {
            Ok(0) => return Err("the server closed the connection".to_owned()),
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}
