//! The side of a WebSocket that reads: bytes become messages, by tungstenite.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message as WsMessage, Utf8Bytes};

use super::close::{self, End};
use super::half::Half;
use super::heartbeat::Pulse;
use crate::limits;

/// A message of the peer's, whole.
pub enum Message {
    /// Text.
    Text(Utf8Bytes),
    /// Anything else.
    Binary(Bytes),
}

/// Reads from a socket what the peer says.
pub struct Reader {
    stream: WebSocketStream<Half>,
    pulse: Arc<Pulse>,
}

impl Reader {
    pub(super) async fn new(half: Half, message_bytes: usize, pulse: Arc<Pulse>) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(limits::READ_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_write_buffer_size(limits::FRAME_BYTES)
            .max_message_size(Some(message_bytes))
            .max_frame_size(Some(message_bytes));
        Self { stream: WebSocketStream::from_raw_socket(half, Role::Server, Some(config)).await, pulse }
    }

    /// The next message. Pings are answered by the library, through the outbox. Until this is called again, it is the server
    /// that does not listen, and not the peer that is silent.
    pub async fn next(&mut self) -> Result<Message, End> {
        self.pulse.set_busy(false);
        let message = self.message().await;
        self.pulse.set_busy(true);
        message
    }

    async fn message(&mut self) -> Result<Message, End> {
        loop {
            let message = self.stream.next().await.ok_or(End::Broken)?.map_err(|error| close::of_broken(&error))?;
            self.pulse.beat();
            match message {
                WsMessage::Text(text) => return Ok(Message::Text(text)),
                WsMessage::Binary(bytes) => return Ok(Message::Binary(bytes)),
                WsMessage::Close(_) => return Err(End::Closed),
                WsMessage::Ping(_) | WsMessage::Pong(_) | WsMessage::Frame(_) => {}
            }
        }
    }

    /// Lets the library put its answer to the peer's close into the outbox.
    pub(super) async fn answer_close(&mut self) {
        // It says that the connection is closed, which is what is wanted.
        let _ = self.stream.flush().await;
    }
}
