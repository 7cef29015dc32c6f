//! A client of the REST API, as small as one can be: a connection for each request.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::socket::{PATIENCE, Socket};

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The answer, if it has this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// Status and code of a problem.
    #[track_caller]
    pub(crate) fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"));
        (self.status, problem["code"].as_str().unwrap().to_owned())
    }
}

/// Why there is no answer.
pub(crate) type Lost = Box<dyn std::error::Error + Send + Sync>;

/// Asks, with these header fields and this body.
pub(crate) async fn ask(
    address: SocketAddr,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Answer {
    try_ask(address, method, path, headers, body).await.unwrap()
}

/// Asks a server that may be gone. One that is there and does not answer fails the test.
pub(crate) async fn try_ask(
    address: SocketAddr,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Result<Answer, Lost> {
    let target = format!("{method} {path}");
    let exchange = async {
        let socket = TcpStream::connect(address).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request = request.header(HOST, address.to_string());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into()))?;
        let answer = async {
            let response = sender.send_request(request).await?;
            let (head, body) = response.into_parts();
            Ok(Answer { status: head.status.as_u16(), headers: head.headers, body: body.collect().await?.to_bytes() })
        };
        tokio::select! {
            answer = answer => answer,
            // The answer says what became of it, once the connection has ended.
            Err(lost) = connection => Err(lost.into()),
        }
    };
    timeout(PATIENCE, exchange).await.unwrap_or_else(|_| panic!("{target} was not answered in {PATIENCE:?}"))
}

/// Somebody who is logged in.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) address: SocketAddr,
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) refresh_token: String,
}

/// Everybody's.
pub(crate) const PASSWORD: &str = "correct horse";

impl Person {
    /// Registers and logs in.
    pub(crate) async fn register(address: SocketAddr, username: &str) -> Self {
        let mut name = username.to_owned();
        name[..1].make_ascii_uppercase();
        let body = json!({"username": username, "name": name, "password": PASSWORD});
        post(address, "/v1/users/register", &body).await.expect(201);
        Self::login(address, username).await
    }

    pub(crate) async fn login(address: SocketAddr, username: &str) -> Self {
        let body = json!({"username": username, "password": PASSWORD});
        let tokens = post(address, "/v1/users/login", &body).await.expect(200).json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self {
            address,
            id: text(&tokens["user"]["id"]),
            token: text(&tokens["access_token"]),
            refresh_token: text(&tokens["refresh_token"]),
        }
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        self.try_call(method, path, body).await.unwrap()
    }

    /// Asks a server that may be gone.
    pub(crate) async fn try_call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, Lost> {
        let bearer = format!("Bearer {}", self.token);
        let mut headers = vec![(AUTHORIZATION.as_str(), bearer.as_str())];
        if body.is_some() {
            headers.push((CONTENT_TYPE.as_str(), "application/json"));
        }
        try_ask(self.address, method, path, &headers, body.map(Value::to_string).unwrap_or_default()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::PATCH, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, None).await
    }

    /// The path of a new group with these others.
    pub(crate) async fn group(&self, name: &str, others: &[&Self]) -> Conversation {
        let ids: Vec<&str> = others.iter().map(|other| other.id.as_str()).collect();
        let body = json!({"type": "group", "name": name, "member_ids": ids});
        Conversation::from(&self.post("/v1/conversations", &body).await.expect(201).json())
    }

    /// The path of the direct conversation with somebody.
    pub(crate) async fn direct(&self, other: &Self) -> Conversation {
        let body = json!({"type": "direct", "member_ids": [other.id]});
        Conversation::from(&self.post("/v1/conversations", &body).await.json())
    }

    /// Sends over REST; the message.
    pub(crate) async fn say(&self, conversation: &Conversation, content: &str) -> Value {
        self.post(&conversation.messages, &json!({"content": content})).await.expect(201).json()
    }

    /// Opens a WebSocket that has said who it is, and takes its `hello`.
    pub(crate) async fn listen(&self, path: &str) -> Socket {
        let mut socket = self.open(path).await;
        assert_eq!(socket.next().await["type"], "hello");
        socket
    }

    /// Opens a WebSocket that has said who it is.
    pub(crate) async fn open(&self, path: &str) -> Socket {
        let bearer = format!("Bearer {}", self.token);
        Socket::open(self.address, path, &[("authorization", &bearer)]).await.unwrap()
    }
}

/// Where a conversation is.
#[derive(Clone, Debug)]
pub(crate) struct Conversation {
    pub(crate) id: String,
    pub(crate) path: String,
    pub(crate) messages: String,
    pub(crate) members: String,
    pub(crate) socket: String,
}

impl From<&Value> for Conversation {
    fn from(object: &Value) -> Self {
        let id = object["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/conversations/{id}");
        let (messages, members) = (format!("{path}/messages"), format!("{path}/members"));
        Self { socket: format!("/ws/{id}"), id, path, messages, members }
    }
}

/// Posts JSON without a token.
pub(crate) async fn post(address: SocketAddr, path: &str, body: &Value) -> Answer {
    ask(address, Method::POST, path, &[("content-type", "application/json")], body.to_string()).await
}

/// Gets without a token.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Answer {
    ask(address, Method::GET, path, &[], "").await
}
