//! A WebSocket client.

use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::time::Duration;

use futures_util::{FutureExt, SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

/// The timeout of everything that a test waits for. It is far longer than any operation takes, so that a test fails instead of hanging.
pub(crate) const TEST_TIMEOUT: Duration = Duration::from_secs(20);

/// An open WebSocket. It is closed on drop, as a client closes it whose user leaves.
pub(crate) struct Socket {
    pub(crate) stream: ClosingStream,
    /// The subprotocol that the server chose.
    pub(crate) subprotocol: Option<String>,
    /// How long the test has waited since the last frame that was no heartbeat. Heartbeats never end, so that a timeout for each read
    /// alone would let a test wait for ever.
    waited: Duration,
}

/// A WebSocket stream that sends a close frame on drop.
pub(crate) struct ClosingStream(Option<WebSocketStream<TcpStream>>);

impl ClosingStream {
    /// Takes the socket, which is then closed without a close frame.
    pub(crate) fn into_inner(mut self) -> TcpStream {
        self.0.take().expect("taken once").into_inner()
    }
}

impl Deref for ClosingStream {
    type Target = WebSocketStream<TcpStream>;

    fn deref(&self) -> &Self::Target {
        self.0.as_ref().expect("taken with its owner")
    }
}

impl DerefMut for ClosingStream {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.0.as_mut().expect("taken with its owner")
    }
}

impl Drop for ClosingStream {
    fn drop(&mut self) {
        if let Some(stream) = &mut self.0 {
            // A frame that the kernel does not take at once is lost, as with a real client.
            let _ = stream.send(Message::Close(None)).now_or_never();
        }
    }
}

impl Socket {
    /// Loses the connection: the server gets no close frame.
    pub(crate) fn lose(self) {
        drop(self.stream.into_inner());
    }

    /// Opens a WebSocket with these additional header fields.
    pub(crate) async fn open(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<Self, Box<Error>> {
        let mut request = format!("ws://{address}{path}").into_client_request()?;
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, HeaderValue::from_str(value).unwrap());
        }
        let handshake = async {
            let socket = TcpStream::connect(address).await.map_err(Error::Io)?;
            client_async(request, socket).await
        };
        let (stream, response) = timeout(TEST_TIMEOUT, handshake)
            .await
            .unwrap_or_else(|_| panic!("{path} was not answered in {TEST_TIMEOUT:?}"))?;
        let subprotocol = response.headers().get("sec-websocket-protocol");
        let subprotocol = subprotocol.map(|value| value.to_str().unwrap().to_owned());
        let stream = ClosingStream(Some(stream));
        Ok(Self { stream, subprotocol, waited: Duration::ZERO })
    }

    pub(crate) async fn send(&mut self, frame: &Value) {
        self.raw(Message::text(frame.to_string())).await;
    }

    pub(crate) async fn raw(&mut self, message: Message) {
        self.write(message).await.unwrap();
    }

    /// Sends, unless the connection is closed already.
    pub(crate) async fn try_send(&mut self, frame: &Value) {
        let _ = self.write(Message::text(frame.to_string())).await;
    }

    async fn write(&mut self, message: Message) -> Result<(), Error> {
        let written = timeout(TEST_TIMEOUT, self.stream.send(message)).await;
        written.unwrap_or_else(|_| panic!("the server accepted no bytes in {TEST_TIMEOUT:?}"))
    }

    /// Returns the next WebSocket message. Fails the test if only heartbeats arrive for [`TEST_TIMEOUT`].
    async fn message(&mut self, expected: &str, caller: &Location<'_>) -> Option<Result<Message, Error>> {
        let started = Instant::now();
        let timeout_left = TEST_TIMEOUT.saturating_sub(self.waited);
        let Ok(message) = timeout(timeout_left, self.stream.next()).await else {
            panic!("only heartbeats arrived in {TEST_TIMEOUT:?} instead of {expected}, at {caller}");
        };
        let is_heartbeat = match &message {
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => true,
            Some(Ok(Message::Text(text))) => text.contains(r#""type":"heartbeat""#),
            _ => false,
        };
        self.waited = if is_heartbeat { self.waited + started.elapsed() } else { Duration::ZERO };
        message
    }

    /// Returns the next text frame.
    #[track_caller]
    pub(crate) fn next(&mut self) -> impl Future<Output = Value> {
        let caller = Location::caller();
        async move {
            loop {
                match self.message("a frame", caller).await {
                    Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    other => panic!("{other:?} instead of a frame, at {caller}"),
                }
            }
        }
    }

    /// Returns `hello`, or `None` if the connection is closed instead.
    #[track_caller]
    pub(crate) fn hello(&mut self) -> impl Future<Output = Option<Value>> {
        let caller = Location::caller();
        async move {
            match self.message("hello or a close", caller).await {
                Some(Ok(Message::Text(text))) => serde_json::from_str(&text).ok(),
                _ => None,
            }
        }
    }

    /// Fails if a frame of one of these types comes before the answer to a ping.
    pub(crate) async fn assert_silent(&mut self, kinds: &[&str]) {
        self.send(&json!({"type": "ping"})).await;
        let frame = self.next_of(&[kinds, &["pong"]].concat()).await;
        assert_eq!(frame["type"], "pong", "{frame}");
    }

    /// Returns the next frame of one of these types, and skips others.
    #[track_caller]
    pub(crate) fn next_of(&mut self, types: &[&str]) -> impl Future<Output = Value> {
        let caller = Location::caller();
        async move {
            loop {
                match self.message(&types.join(" or "), caller).await {
                    Some(Ok(Message::Text(text))) => {
                        let frame: Value = serde_json::from_str(&text).unwrap();
                        if types.contains(&frame["type"].as_str().unwrap()) {
                            return frame;
                        }
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    other => panic!("{other:?} instead of {types:?}, at {caller}"),
                }
            }
        }
    }

    /// Waits until the connection is set up: its subscriptions are live, and it asks the store for nothing more by itself. `hello` comes before that,
    /// and the server reads the first frame after it. Skips the frames until then.
    pub(crate) async fn set_up(&mut self) {
        self.send(&json!({"type": "ping"})).await;
        self.next_of(&["pong"]).await;
    }

    /// Returns the type of the next frame, or the code of a close.
    #[track_caller]
    pub(crate) fn first(&mut self) -> impl Future<Output = String> {
        let caller = Location::caller();
        async move {
            match self.message("a frame or a close", caller).await {
                Some(Ok(Message::Text(text))) => {
                    serde_json::from_str::<Value>(&text).unwrap()["type"].as_str().unwrap().to_owned()
                }
                Some(Ok(Message::Close(Some(close)))) => u16::from(close.code).to_string(),
                other => panic!("{other:?} instead of a frame or a close, at {caller}"),
            }
        }
    }

    /// Returns all frames up to one of this type. If the connection is closed before, returns the close code too.
    #[track_caller]
    pub(crate) fn until(&mut self, last: &str) -> impl Future<Output = (Vec<Value>, Option<u16>)> {
        let caller = Location::caller();
        async move {
            let mut frames: Vec<Value> = Vec::new();
            loop {
                match self.message(last, caller).await {
                    Some(Ok(Message::Text(text))) => {
                        frames.push(serde_json::from_str(&text).unwrap());
                        if frames.last().unwrap()["type"] == last {
                            return (frames, None);
                        }
                    }
                    Some(Ok(Message::Close(Some(close)))) => return (frames, Some(close.code.into())),
                    Some(Ok(_)) => {}
                    other => panic!("{other:?} instead of {last}, at {caller}"),
                }
            }
        }
    }

    /// Returns the content of the next `message.new`.
    #[track_caller]
    pub(crate) fn next_content(&mut self) -> impl Future<Output = String> {
        let frame = self.next_of(&["message.new"]);
        async move { frame.await["message"]["content"].as_str().unwrap().to_owned() }
    }

    /// Returns the numbers of the next `count` numbered events.
    #[track_caller]
    pub(crate) fn next_seqs(&mut self, count: usize) -> impl Future<Output = Vec<i64>> {
        let caller = Location::caller();
        async move {
            let mut numbers = Vec::new();
            while numbers.len() < count {
                match self.message("a numbered event", caller).await {
                    Some(Ok(Message::Text(text))) => {
                        numbers.extend(serde_json::from_str::<Value>(&text).unwrap()["seq"].as_i64());
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    other => panic!("{other:?} instead of {count} events, of which {numbers:?} arrived, at {caller}"),
                }
            }
            numbers
        }
    }

    /// Returns the close code, and skips frames before it.
    #[track_caller]
    pub(crate) fn close_code(&mut self) -> impl Future<Output = u16> {
        let closed = self.closed();
        async move { closed.await.0 }
    }

    /// Returns the close code and its reason, and skips frames before them.
    #[track_caller]
    pub(crate) fn closed(&mut self) -> impl Future<Output = (u16, String)> {
        let caller = Location::caller();
        async move {
            loop {
                match self.message("a close", caller).await {
                    Some(Ok(Message::Close(Some(close)))) => return (close.code.into(), close.reason.to_string()),
                    Some(Ok(_)) => {}
                    other => panic!("{other:?} instead of a close, at {caller}"),
                }
            }
        }
    }
}
