//! A client of the WebSocket.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

/// Far longer than anything takes, so that a test that waits for what never comes fails and does not hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// An open WebSocket.
pub(crate) struct Socket {
    pub(crate) stream: WebSocketStream<TcpStream>,
    /// The subprotocol that the server chose.
    pub(crate) subprotocol: Option<String>,
}

impl Socket {
    /// Shakes hands, with these header fields besides the usual ones.
    pub(crate) async fn open(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<Self, Box<Error>> {
        let mut request = format!("ws://{address}{path}").into_client_request()?;
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, HeaderValue::from_str(value).unwrap());
        }
        let socket = TcpStream::connect(address).await.map_err(Error::Io)?;
        let (stream, response) = timeout(PATIENCE, client_async(request, socket)).await.expect("a handshake")?;
        let subprotocol = response.headers().get("sec-websocket-protocol");
        let subprotocol = subprotocol.map(|value| value.to_str().unwrap().to_owned());
        Ok(Self { stream, subprotocol })
    }

    pub(crate) async fn send(&mut self, frame: &Value) {
        self.raw(Message::text(frame.to_string())).await;
    }

    pub(crate) async fn raw(&mut self, message: Message) {
        self.stream.send(message).await.unwrap();
    }

    /// Sends, unless the connection is closed already.
    pub(crate) async fn try_send(&mut self, frame: &Value) {
        let _ = self.stream.send(Message::text(frame.to_string())).await;
    }

    async fn message(&mut self) -> Option<Result<Message, Error>> {
        timeout(PATIENCE, self.stream.next()).await.expect("a frame in time")
    }

    /// The next text frame.
    #[track_caller]
    pub(crate) fn next(&mut self) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        async move {
            loop {
                match self.message().await {
                    Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    other => panic!("{other:?} instead of a frame, at {caller}"),
                }
            }
        }
    }

    /// `hello`, unless the connection is closed instead.
    pub(crate) async fn hello(&mut self) -> Option<Value> {
        match self.message().await {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text).ok(),
            _ => None,
        }
    }

    /// The next frame that is of one of these types; others are passed over.
    #[track_caller]
    pub(crate) fn next_of(&mut self, types: &[&str]) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        async move {
            loop {
                match self.message().await {
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

    /// What it begins with: the first frame's type, or the code of a close.
    pub(crate) async fn first(&mut self) -> String {
        match self.message().await {
            Some(Ok(Message::Text(text))) => {
                serde_json::from_str::<Value>(&text).unwrap()["type"].as_str().unwrap().to_owned()
            }
            Some(Ok(Message::Close(Some(close)))) => u16::from(close.code).to_string(),
            other => panic!("{other:?} instead of a frame or a close"),
        }
    }

    /// All frames up to one of this type, or up to the close, whose code it gives.
    pub(crate) async fn until(&mut self, last: &str) -> (Vec<Value>, Option<u16>) {
        let mut frames: Vec<Value> = Vec::new();
        loop {
            match self.message().await {
                Some(Ok(Message::Text(text))) => {
                    frames.push(serde_json::from_str(&text).unwrap());
                    if frames.last().unwrap()["type"] == last {
                        return (frames, None);
                    }
                }
                Some(Ok(Message::Close(Some(close)))) => return (frames, Some(close.code.into())),
                Some(Ok(_)) => {}
                other => panic!("{other:?} instead of {last}"),
            }
        }
    }

    /// The content of the next `message.new`.
    #[track_caller]
    pub(crate) fn hears(&mut self) -> impl Future<Output = String> {
        let frame = self.next_of(&["message.new"]);
        async move { frame.await["message"]["content"].as_str().unwrap().to_owned() }
    }

    /// The numbers of the next `count` numbered events.
    pub(crate) async fn numbers(&mut self, count: usize) -> Vec<i64> {
        let mut numbers = Vec::new();
        while numbers.len() < count {
            if let Some(seq) = self.next().await["seq"].as_i64() {
                numbers.push(seq);
            }
        }
        numbers
    }

    /// The close code that ends the connection; frames before it are passed over.
    pub(crate) async fn close_code(&mut self) -> u16 {
        loop {
            match self.message().await {
                Some(Ok(Message::Close(Some(close)))) => return close.code.into(),
                Some(Ok(_)) => {}
                other => panic!("{other:?} instead of a close"),
            }
        }
    }
}
