//! The handshake (RFC 6455, section 4.2), by hand.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use hyper::header::{
    CONNECTION, HOST, HeaderName, HeaderValue, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper::{HeaderMap, Method, StatusCode, Version};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tracing::debug;

use super::end::ConnectionEnd;
use super::socket::Socket;
use crate::domain::{Code, Error, Result};
use crate::registry::Registry;
use crate::transport::{Response, SocketPermit, UpgradeRequest, empty};

const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");
const SUBPROTOCOL: &str = "chinwag.v1";

/// What is frame on an open socket.
pub trait SocketHandler: Send + 'static {
    /// Lives on the socket until the connection ends, and says how it does.
    fn handle(self: Box<Self>, socket: &mut Socket) -> impl Future<Output = ConnectionEnd> + Send;
}

/// Answers a handshake and, once it stands, leaves the socket to `handler`. The peer's messages have at most so many bytes.
pub fn accept(mut request: UpgradeRequest, message_bytes: usize, handler: impl SocketHandler) -> Result<Response> {
    let accept_key = derive_accept_key(check(&request)?.as_bytes());
    let offered = offers(&request.headers).any(|offer| offer == SUBPROTOCOL);
    let upgrade = request.upgrade.take().ok_or_else(|| Error::internal("a request without its socket"))?;
    let (permit, state) = (request.permit.clone(), request.state.clone());
    // Nothing of the request is kept while the connection lives.
    drop(request);
    let registry = Arc::clone(state.chat.registry());
    state.sockets.spawn(run(upgrade, message_bytes, Box::new(handler), permit, registry));

    let mut answer = empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, WEBSOCKET);
    headers.insert(SEC_WEBSOCKET_ACCEPT, HeaderValue::from_str(&accept_key).map_err(Error::internal)?);
    if offered {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    }
    Ok(answer)
}

/// A connection's task.
#[allow(clippy::manual_async_fn)] // an `async fn` keeps its arguments twice
fn run(
    upgrade: OnUpgrade,
    message_bytes: usize,
    handler: Box<impl SocketHandler>,
    permit: Arc<SocketPermit>,
    registry: Arc<Registry>,
) -> impl Future<Output = ()> + Send {
    async move {
        let (stream, early) = match upgrade.await.map(Upgraded::downcast::<TokioIo<TcpStream>>) {
            Ok(Ok(parts)) => (parts.io.into_inner(), parts.read_buf),
            Ok(Err(_)) => return tracing::error!("an upgraded socket is not a TCP socket"),
            Err(error) => return debug!(%error, "a socket was lost before it was upgraded"),
        };
        let mut socket = Box::new(Socket::new(stream, early, message_bytes, &registry));
        let end = handler.handle(&mut socket).await;
        // Boxed, since for most of its established a socket does not part.
        Box::pin(socket.close(end)).await;
        // Held as long as the socket.
        drop(permit);
    }
}

/// Returns the handshake's key; `upgrade_required` if the request asks for another protocol.
fn check(request: &UpgradeRequest) -> Result<String> {
    let headers = &request.headers;
    let malformed = |detail: &'static str| Error::new(Code::Malformed, detail);
    if request.method != Method::GET || request.version != Version::HTTP_11 {
        return Err(malformed("A WebSocket handshake is a GET request of HTTP/1.1."));
    }
    if !has_token(headers, CONNECTION, "upgrade") || !has_token(headers, UPGRADE, "websocket") {
        return Err(required());
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(required());
    }
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    let (key, more) = (keys.next().and_then(|key| key.to_str().ok()), keys.next());
    let is_key = |key: &&str| BASE64.decode(key).is_ok_and(|bytes| bytes.len() == 16);
    let key = key.filter(is_key).filter(|_| more.is_none());
    let key = key.ok_or_else(|| malformed("Sec-WebSocket-Key takes 16 bytes in base64."))?;
    if let Some(origin) = headers.get(ORIGIN) {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let origin = origin.to_str().unwrap_or_default().to_ascii_lowercase();
        if !request.state.origins.allow(&origin, host) {
            return Err(Error::forbidden("Pages of this origin may not connect."));
        }
    }
    if request.state.draining.is_cancelled() {
        let wait = std::time::Duration::from_secs(1);
        return Err(Error::new(Code::Draining, "The server is about to stop.").after(wait));
    }
    Ok(key.to_owned())
}

fn required() -> Error {
    Error::new(Code::UpgradeRequired, "This address speaks WebSocket, version 13.")
}

fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(token))
}

pub(super) fn offers(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}
