//! A minimal client of the REST API: it opens a connection for each request.

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

use super::socket::{Socket, TEST_TIMEOUT};

/// A response with its whole body.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Response {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the response if it has this status. Another status fails the test.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// Returns the status and the code of a problem (RFC 9457).
    #[track_caller]
    pub(crate) fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"));
        (self.status, problem["code"].as_str().unwrap().to_owned())
    }
}

/// The reason why a request has no response.
pub(crate) type RequestError = Box<dyn std::error::Error + Send + Sync>;

/// Sends a request with these header fields and this body. An error fails the test.
pub(crate) async fn send_request(
    address: SocketAddr,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Response {
    try_send_request(address, method, path, headers, body).await.unwrap()
}

/// Sends a request to a server that may not run. A connected server that does not answer fails the test.
pub(crate) async fn try_send_request(
    address: SocketAddr,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Result<Response, RequestError> {
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
        let response = async {
            let response = sender.send_request(request).await?;
            let (head, body) = response.into_parts();
            Ok(Response { status: head.status.as_u16(), headers: head.headers, body: body.collect().await?.to_bytes() })
        };
        tokio::select! {
            response = response => response,
            // After the end of the connection, the response has the result.
            Err(lost) = connection => Err(lost.into()),
        }
    };
    timeout(TEST_TIMEOUT, exchange).await.unwrap_or_else(|_| panic!("{target} was not answered in {TEST_TIMEOUT:?}"))
}

/// A user with a session.
#[derive(Clone, Debug)]
pub(crate) struct TestUser {
    pub(crate) address: SocketAddr,
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) refresh_token: String,
}

/// The password of all users.
pub(crate) const PASSWORD: &str = "correct horse";

impl TestUser {
    /// Registers a user and logs in.
    pub(crate) async fn register(address: SocketAddr, username: &str) -> Self {
        let mut name = username.to_owned();
        name[..1].make_ascii_uppercase();
        let body = json!({"username": username, "name": name, "password": PASSWORD});
        post(address, "/v1/users/register", &body).await.expect(201);
        Self::login(address, username).await
    }

    pub(crate) async fn login(address: SocketAddr, username: &str) -> Self {
        Self::login_with(address, username, PASSWORD).await
    }

    pub(crate) async fn login_with(address: SocketAddr, username: &str, password: &str) -> Self {
        let body = json!({"username": username, "password": password});
        let tokens = post(address, "/v1/users/login", &body).await.expect(200).json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self {
            address,
            id: text(&tokens["user"]["id"]),
            token: text(&tokens["access_token"]),
            refresh_token: text(&tokens["refresh_token"]),
        }
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Response {
        self.try_call(method, path, body).await.unwrap()
    }

    /// Sends a request to a server that may not run.
    pub(crate) async fn try_call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Response, RequestError> {
        let bearer = format!("Bearer {}", self.token);
        let mut headers = vec![(AUTHORIZATION.as_str(), bearer.as_str())];
        if body.is_some() {
            headers.push((CONTENT_TYPE.as_str(), "application/json"));
        }
        try_send_request(self.address, method, path, &headers, body.map(Value::to_string).unwrap_or_default()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Response {
        self.call(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Response {
        self.call(Method::PATCH, path, Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str) -> Response {
        self.call(Method::PUT, path, None).await
    }

    pub(crate) async fn put_json(&self, path: &str, body: &Value) -> Response {
        self.call(Method::PUT, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Response {
        self.call(Method::DELETE, path, None).await
    }

    /// Creates a group with these members.
    pub(crate) async fn group(&self, name: &str, others: &[&Self]) -> Conversation {
        let ids: Vec<&str> = others.iter().map(|other| other.id.as_str()).collect();
        let body = json!({"type": "group", "name": name, "member_ids": ids});
        Conversation::from(&self.post("/v1/conversations", &body).await.expect(201).json())
    }

    /// Returns the direct conversation with another user, and creates it if it does not exist.
    pub(crate) async fn direct(&self, other: &Self) -> Conversation {
        let body = json!({"type": "direct", "member_ids": [other.id]});
        Conversation::from(&self.post("/v1/conversations", &body).await.json())
    }

    /// Sends a message over REST, and returns it.
    pub(crate) async fn send(&self, conversation: &Conversation, content: &str) -> Value {
        self.post(&conversation.messages, &json!({"content": content})).await.expect(201).json()
    }

    /// Reads a conversation up to a number, over REST.
    pub(crate) async fn read(&self, conversation: &Conversation, seq: i64) -> Response {
        self.put_json(&format!("{}/read", conversation.path), &json!({"seq": seq})).await
    }

    /// Opens an authenticated WebSocket, and reads its `hello`.
    pub(crate) async fn connect(&self, path: &str) -> Socket {
        let mut socket = self.open(path).await;
        assert_eq!(socket.next().await["type"], "hello");
        socket
    }

    /// Opens an authenticated WebSocket.
    pub(crate) async fn open(&self, path: &str) -> Socket {
        let bearer = format!("Bearer {}", self.token);
        Socket::open(self.address, path, &[("authorization", &bearer)]).await.unwrap()
    }
}

/// The id and the paths of a conversation.
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

/// Sends a POST request with JSON and without a token.
pub(crate) async fn post(address: SocketAddr, path: &str, body: &Value) -> Response {
    send_request(address, Method::POST, path, &[("content-type", "application/json")], body.to_string()).await
}

/// Sends a GET request without a token.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Response {
    send_request(address, Method::GET, path, &[], "").await
}
