//! Opens a WebSocket connection: sends the handshake and reads `hello`.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::frames::{TEXT, next_frame};
use crate::domain::ConversationId;

/// Longest wait for a connection and its `hello`. With many handshakes at once each takes longer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// Most bytes of the response head and `hello`. Together they have some 1,500.
const HANDSHAKE_BYTES_MAX: usize = 16 * 1024;
/// Bytes of one read: the response head and `hello` fit.
const READ_BYTES: usize = 2 * 1024;

/// A connection that has received `hello`.
pub(super) struct WebSocket {
    pub(super) socket: TcpStream,
    /// The newest sequence number of the conversation; none on `/ws`.
    pub(super) last_seq: Option<i64>,
    /// Bytes that arrived after `hello`.
    pub(super) unread: Vec<u8>,
}

impl WebSocket {
    /// Connects to `/ws/{id}` of a conversation, or to `/ws` without one.
    pub(super) async fn connect(
        address: SocketAddr,
        conversation_id: Option<ConversationId>,
        token: &str,
    ) -> Result<Self, String> {
        let connected = timeout(CONNECT_TIMEOUT, Self::handshake(address, conversation_id, token)).await;
        connected.unwrap_or_else(|_| Err(format!("a connection was not greeted in {CONNECT_TIMEOUT:?}")))
    }

    async fn handshake(
        address: SocketAddr,
        conversation_id: Option<ConversationId>,
        token: &str,
    ) -> Result<Self, String> {
        let socket = TcpStream::connect(address).await.map_err(|error| format!("{address}: {error}"))?;
        socket.set_nodelay(true).map_err(|error| error.to_string())?;
        let room = conversation_id.map(|id| format!("/{id}")).unwrap_or_default();
        let request = format!(
            "GET /ws{room} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Authorization: Bearer {token}\r\n\r\n"
        );
        write_all(&socket, request.as_bytes()).await?;
        let mut buffer = Vec::with_capacity(READ_BYTES);
        let end = loop {
            read_handshake(&socket, &mut buffer).await?;
            if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
        };
        if !buffer.starts_with(b"HTTP/1.1 101 ") {
            return Err(format!("no WebSocket: {}", String::from_utf8_lossy(&buffer)));
        }
        buffer.drain(..end);
        let (hello, length) = loop {
            if let Some((kind, payload, length)) = next_frame(&buffer) {
                break (parse_hello(kind, payload)?, length);
            }
            read_handshake(&socket, &mut buffer).await?;
        };
        buffer.drain(..length);
        Ok(Self { socket, last_seq: hello["conversation"]["last_seq"].as_i64(), unread: buffer })
    }
}

fn parse_hello(kind: u8, payload: &[u8]) -> Result<Value, String> {
    let text = || String::from_utf8_lossy(payload);
    let frame: Value =
        serde_json::from_slice(payload).map_err(|_| format!("instead of hello: {kind:#x} {}", text()))?;
    let is_hello = kind == TEXT && frame["type"] == "hello";
    is_hello.then_some(frame).ok_or_else(|| format!("instead of hello: {}", text()))
}

/// Writes all bytes.
pub(super) async fn write_all(socket: &TcpStream, mut bytes: &[u8]) -> Result<(), String> {
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

/// Reads more of the handshake. Returns an error when it is too long.
async fn read_handshake(socket: &TcpStream, buffer: &mut Vec<u8>) -> Result<(), String> {
    if buffer.len() > HANDSHAKE_BYTES_MAX {
        return Err("the server's greeting does not end".to_owned());
    }
    read_available(socket, buffer).await
}

/// Waits until bytes arrive, and appends them to the buffer.
pub(super) async fn read_available(socket: &TcpStream, buffer: &mut Vec<u8>) -> Result<(), String> {
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
