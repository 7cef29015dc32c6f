//! The WebSocket: all of the user's conversations on one connection, each silent until it is resumed.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::stream::{Server, Stream, TIMEOUT, no_answer};

/// Most bytes of a frame. The longest message takes 98 KiB, and a reply 256 KiB.
const FRAME_BYTES_MAX: usize = 1024 * 1024;
/// Time that a connection has to live before the next pause is a short one again.
const SETTLED_AFTER: Duration = Duration::from_secs(10);
/// Heartbeats that may be missing before the connection is taken for dead.
const HEARTBEATS_MISSED_MAX: u32 = 2;

/// A connection that was greeted.
pub(super) struct Live {
    socket: WebSocketStream<Box<dyn Stream>>,
    heartbeat: Duration,
    opened_at: Instant,
    heard_at: Instant,
}

/// An event of a connection.
pub(super) enum Said {
    /// A frame, as text and as JSON.
    Frame(String, Value),
    /// Nothing for the user.
    Nothing,
    /// The connection is over, with the close code if there was one.
    Closed(Option<u16>, String),
}

impl Live {
    /// Opens a connection. Returns it with its `hello`, or else the close code, if there was one, and the reason.
    pub(super) async fn open(server: &Server, token: &str) -> Result<(Self, Value), (Option<u16>, String)> {
        let socket = timeout(TIMEOUT, handshake(server, token)).await;
        let socket = socket.unwrap_or_else(|_| Err(no_answer())).map_err(|reason| (None, reason))?;
        let (now, heartbeat) = (Instant::now(), TIMEOUT);
        let mut live = Self { socket, heartbeat, opened_at: now, heard_at: now };
        loop {
            match timeout(TIMEOUT, live.next()).await {
                Ok(Said::Frame(_, hello)) if hello["type"] == "hello" => {
                    live.heartbeat = Duration::from_millis(hello["heartbeat_ms"].as_u64().unwrap_or(25_000));
                    return Ok((live, hello));
                }
                Ok(Said::Frame(..) | Said::Nothing) => {}
                Ok(Said::Closed(code, reason)) => return Err((code, reason)),
                Err(_) => return Err((None, no_answer())),
            }
        }
    }

    /// Returns what comes next. Nothing is lost if the future is dropped.
    pub(super) async fn next(&mut self) -> Said {
        let message = self.socket.next().await;
        self.heard_at = Instant::now();
        match message {
            Some(Ok(Message::Text(text))) => match serde_json::from_str(&text) {
                Ok(frame) => Said::Frame(text.to_string(), frame),
                Err(_) => Said::Nothing,
            },
            Some(Ok(Message::Close(Some(frame)))) => Said::Closed(Some(frame.code.into()), frame.reason.to_string()),
            Some(Ok(Message::Close(None))) | None => Said::Closed(None, "the connection was closed".to_owned()),
            Some(Ok(_)) => Said::Nothing,
            Some(Err(error)) => Said::Closed(None, error.to_string()),
        }
    }

    /// Sends a frame. A failure shows as the end of the connection.
    pub(super) async fn send(&mut self, frame: &Value) {
        // A server that reads nothing more is noticed by its silence.
        let _ = timeout(TIMEOUT, self.socket.send(Message::text(frame.to_string()))).await;
    }

    /// Returns when the connection is taken for dead, if nothing comes until then.
    pub(super) fn dead_at(&self) -> Instant {
        self.heard_at + self.heartbeat * HEARTBEATS_MISSED_MAX + TIMEOUT
    }

    /// Returns true if the connection has lived for a while.
    pub(super) fn is_settled(&self) -> bool {
        self.opened_at.elapsed() >= SETTLED_AFTER
    }
}

async fn handshake(server: &Server, token: &str) -> Result<WebSocketStream<Box<dyn Stream>>, String> {
    let words = |error: Error| match error {
        Error::Http(response) => format!("the server answered with the status {}", response.status().as_u16()),
        error => error.to_string(),
    };
    let url = format!("ws://{}/ws?hold=1", server.authority);
    let mut request = url.into_client_request().map_err(words)?;
    let bearer = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|error| error.to_string())?;
    request.headers_mut().insert(AUTHORIZATION, bearer);
    request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("chinwag.v1"));
    let config =
        WebSocketConfig::default().max_message_size(Some(FRAME_BYTES_MAX)).max_frame_size(Some(FRAME_BYTES_MAX));
    let stream = server.connect().await?;
    let (socket, _) = client_async_with_config(request, stream, Some(config)).await.map_err(words)?;
    Ok(socket)
}
