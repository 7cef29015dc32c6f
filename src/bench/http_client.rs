//! A client of HTTP/1.1 over one connection that is kept alive, for answers that tell their length.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::websocket::{read_some, write};

/// Until a request must have been answered.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of an answer: a page of 200 long messages, escaped, is less.
const ANSWER_BYTES: usize = 32 * 1024 * 1024;

pub(super) struct Http {
    address: SocketAddr,
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl Http {
    pub(super) async fn connect(address: SocketAddr) -> Result<Self, String> {
        let socket = TcpStream::connect(address).await.map_err(|error| format!("{address}: {error}"))?;
        socket.set_nodelay(true).map_err(|error| error.to_string())?;
        Ok(Self { address, socket, buffer: Vec::with_capacity(64 * 1024) })
    }

    /// The status and the body of a `GET`.
    pub(super) async fn get(&mut self, target: &str, token: &str) -> Result<(u16, &[u8]), String> {
        let address = self.address;
        self.ask(&format!("GET {target} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n")).await
    }

    /// The body of a `POST` that succeeds.
    pub(super) async fn post(&mut self, target: &str, token: Option<&str>, body: &Value) -> Result<Value, String> {
        let (address, body) = (self.address, body.to_string());
        let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let length = body.len();
        let request = format!(
            "POST {target} HTTP/1.1\r\nHost: {address}\r\n{token}Content-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        let (status, answer) = self.ask(&request).await?;
        if !(200..300).contains(&status) {
            return Err(format!("POST {target}: {status}: {}", String::from_utf8_lossy(answer)));
        }
        serde_json::from_slice(answer).map_err(|error| format!("POST {target}: {error}"))
    }

    async fn ask(&mut self, request: &str) -> Result<(u16, &[u8]), String> {
        let Self { socket, buffer, .. } = self;
        buffer.clear();
        let asking = async {
            write(socket, request.as_bytes()).await?;
            loop {
                read_some(socket, buffer).await?;
                if let Some(answer) = Answer::read(buffer)? {
                    return Ok(answer);
                }
            }
        };
        let answer: Result<Answer, String> =
            timeout(PATIENCE, asking).await.unwrap_or_else(|_| Err(format!("no answer in {PATIENCE:?}")));
        let answer = answer?;
        Ok((answer.status, &self.buffer[answer.body_at..]))
    }
}

struct Answer {
    status: u16,
    body_at: usize,
}

impl Answer {
    /// The answer, if it is all there.
    fn read(buffer: &[u8]) -> Result<Option<Self>, String> {
        let Some(end) = buffer.windows(4).take(16 * 1024).position(|window| window == b"\r\n\r\n") else {
            return Ok(None);
        };
        let head = String::from_utf8_lossy(&buffer[..end]);
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let length = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        let (Some(status), Some(length)) = (status, length) else {
            return Err(format!("an answer without a length: {head}"));
        };
        let body_at = end + 4;
        if length > ANSWER_BYTES {
            return Err(format!("an answer of {length} bytes"));
        }
        Ok((buffer.len() >= body_at + length).then_some(Self { status, body_at }))
    }
}
