//! REST calls, and the tokens that they need.

use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::stream::{Server, TIMEOUT, no_answer};

/// Most bytes of an answer. A page has at most 1 MiB, or one item that is larger.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Time before its end at which an access token is replaced: several tries fit.
const TOKEN_MARGIN: Duration = Duration::from_secs(60);

/// Why a call failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server refused it.
    Refused(Problem),
    /// There was no answer. It may be tried again.
    Unreachable(String),
}

/// A problem (RFC 9457), or an `error` frame.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) status: u64,
    pub(super) detail: String,
    /// The pause before another try, if one makes sense.
    pub(super) retry_after: Option<Duration>,
}

impl Problem {
    pub(super) fn read(problem: &Value) -> Self {
        let errors = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        let of_fields = errors.iter().filter_map(|error| error["detail"].as_str());
        let detail: Vec<&str> = problem["detail"].as_str().into_iter().chain(of_fields).collect();
        let pause = problem["retry_after_ms"].as_u64().unwrap_or(1_000);
        let retry_after = (problem["retryable"] == true).then(|| Duration::from_millis(pause));
        Self { status: problem["status"].as_u64().unwrap_or_default(), detail: detail.join(" "), retry_after }
    }
}

impl Failure {
    /// Returns the words for the user.
    pub(super) fn words(&self) -> &str {
        match self {
            Self::Refused(problem) => &problem.detail,
            Self::Unreachable(reason) => reason,
        }
    }

    fn is_unauthorized(&self) -> bool {
        matches!(self, Self::Refused(problem) if problem.status == 401)
    }
}

/// A logged-in user's access to the server.
pub(super) struct Api {
    pub(super) server: Server,
    access_token: String,
    refresh_token: String,
    /// When the access token has to be replaced.
    pub(super) refresh_at: Instant,
}

impl Api {
    /// Logs in; with `is_new` registers the user first.
    pub(super) async fn login(server: Server, username: &str, password: &str, is_new: bool) -> Result<Self, Failure> {
        let who = json!({"username": username, "password": password});
        if is_new {
            call(&server, Method::POST, "/v1/users/register", None, Some(&who)).await?;
        }
        let tokens = call(&server, Method::POST, "/v1/users/login", None, Some(&who)).await?;
        let (access_token, refresh_token) = Default::default();
        let mut api = Self { server, access_token, refresh_token, refresh_at: Instant::now() };
        api.keep(&tokens);
        Ok(api)
    }

    /// Ends the session.
    pub(super) async fn logout(&mut self) -> Result<(), Failure> {
        self.post("/v1/users/logout", &json!({})).await.map(drop)
    }

    pub(super) async fn get(&mut self, path: &str) -> Result<Value, Failure> {
        self.call(Method::GET, path, None).await
    }

    pub(super) async fn post(&mut self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// Returns an access token that is good for a while.
    pub(super) async fn token(&mut self) -> Result<String, Failure> {
        if Instant::now() >= self.refresh_at {
            self.refresh().await?;
        }
        Ok(self.access_token.clone())
    }

    /// Replaces the tokens. Fails with the status 401 if the session has ended.
    pub(super) async fn refresh(&mut self) -> Result<(), Failure> {
        let body = json!({"refresh_token": self.refresh_token});
        let tokens = call(&self.server, Method::POST, "/v1/users/refresh", None, Some(&body)).await?;
        self.keep(&tokens);
        Ok(())
    }

    fn keep(&mut self, tokens: &Value) {
        (self.access_token, self.refresh_token) = (text(&tokens["access_token"]), text(&tokens["refresh_token"]));
        let life = Duration::from_secs(tokens["expires_in"].as_u64().unwrap_or_default());
        // A token of a short life is used for half of it.
        self.refresh_at = Instant::now() + life.saturating_sub(TOKEN_MARGIN).max(life / 2);
    }

    async fn call(&mut self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let token = self.token().await?;
        let answer = call(&self.server, method.clone(), path, Some(&token), body).await;
        match answer {
            Err(failure) if failure.is_unauthorized() => {
                self.refresh().await?;
                call(&self.server, method, path, Some(&self.access_token), body).await
            }
            answer => answer,
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Calls the server on a connection of its own. Returns the body, null if there is none.
async fn call(
    server: &Server,
    method: Method,
    path: &str,
    token: Option<&str>,
    body: Option<&Value>,
) -> Result<Value, Failure> {
    let exchange = exchange(server, method, path, token, body);
    let (status, body) = match timeout(TIMEOUT, exchange).await {
        Ok(answer) => answer.map_err(Failure::Unreachable)?,
        Err(_) => return Err(Failure::Unreachable(no_answer())),
    };
    let value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    if (200..300).contains(&status) {
        return Ok(value);
    }
    let mut problem = Problem::read(&value);
    problem.status = status.into();
    if problem.detail.is_empty() {
        problem.detail = format!("The server answered with the status {status}.");
    }
    Err(Failure::Refused(problem))
}

async fn exchange(
    server: &Server,
    method: Method,
    path: &str,
    token: Option<&str>,
    body: Option<&Value>,
) -> Result<(u16, Bytes), String> {
    let mut request = Request::builder().method(method).uri(path).header(HOST, &server.authority);
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    if body.is_some() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    let body = Full::new(Bytes::from(body.map(Value::to_string).unwrap_or_default()));
    let request = request.body(body).map_err(|error| error.to_string())?;
    let stream = TokioIo::new(server.connect().await?);
    let (mut sender, connection) = http1::handshake(stream).await.map_err(|error| error.to_string())?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), BODY_BYTES_MAX).collect().await;
        Ok((status, body.map_err(|error| error.to_string())?.to_bytes()))
    };
    // The connection is driven here, and ends with the answer.
    tokio::pin!(connection, answer);
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        ended = &mut connection => match ended {
            Ok(()) => answer.await,
            Err(error) => Err(error.to_string()),
        },
    }
}
