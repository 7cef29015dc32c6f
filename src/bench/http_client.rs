//! An HTTP/1.1 client over one keep-alive connection. It reads responses that have a `Content-Length`.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::websocket::{read_available, write_all};

/// Longest wait for a response.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);
/// Most bytes of a response body. A page of 200 long, escaped messages is smaller.
const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;

pub(super) struct HttpClient {
    address: SocketAddr,
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl HttpClient {
    pub(super) async fn connect(address: SocketAddr) -> Result<Self, String> {
        let socket = TcpStream::connect(address).await.map_err(|error| format!("{address}: {error}"))?;
        socket.set_nodelay(true).map_err(|error| error.to_string())?;
        Ok(Self { address, socket, buffer: Vec::with_capacity(64 * 1024) })
    }

    /// Sends a `GET`. Returns the status and the body.
    pub(super) async fn get(&mut self, target: &str, token: &str) -> Result<(u16, &[u8]), String> {
        let address = self.address;
        self.send(&format!("GET {target} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n")).await
    }

    /// Sends a `POST`. Returns the body, or an error when the status is not 2xx.
    pub(super) async fn post(&mut self, target: &str, token: Option<&str>, body: &Value) -> Result<Value, String> {
        let (address, body) = (self.address, body.to_string());
        let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let length = body.len();
        let request = format!(
            "POST {target} HTTP/1.1\r\nHost: {address}\r\n{token}Content-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        let (status, response) = self.send(&request).await?;
        if !(200..300).contains(&status) {
            return Err(format!("POST {target}: {status}: {}", String::from_utf8_lossy(response)));
        }
        serde_json::from_slice(response).map_err(|error| format!("POST {target}: {error}"))
    }

    async fn send(&mut self, request: &str) -> Result<(u16, &[u8]), String> {
        let Self { socket, buffer, .. } = self;
        buffer.clear();
        let exchange = async {
            write_all(socket, request.as_bytes()).await?;
            loop {
                read_available(socket, buffer).await?;
                if let Some(response) = Response::parse(buffer)? {
                    return Ok(response);
                }
            }
        };
        let response: Result<Response, String> = timeout(RESPONSE_TIMEOUT, exchange)
            .await
            .unwrap_or_else(|_| Err(format!("no answer in {RESPONSE_TIMEOUT:?}")));
        let response = response?;
        Ok((response.status, &self.buffer[response.body_at..]))
    }
}

struct Response {
    status: u16,
    body_at: usize,
}

impl Response {
    /// Parses the response. Returns `None` when it is incomplete.
    fn parse(buffer: &[u8]) -> Result<Option<Self>, String> {
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
        if length > BODY_BYTES_MAX {
            return Err(format!("an answer of {length} bytes"));
        }
        Ok((buffer.len() >= body_at + length).then_some(Self { status, body_at }))
    }
}
