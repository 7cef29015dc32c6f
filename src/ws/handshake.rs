//! The WebSocket handshake (RFC 6455, section 4.2).

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
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tracing::debug;

use super::end::ConnectionEnd;
use super::socket::Socket;
use crate::domain::{Code, Error, Result};
use crate::registry::{Holder, Registry};
use crate::transport::{ClientSocket, Response, SocketPermit, UpgradeRequest, empty, network, unbound_unsent_bytes};

const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");
const SUBPROTOCOL: &str = "chinwag.v1";

/// The protocol that runs on an open WebSocket.
pub trait SocketHandler: Send + 'static {
    /// Serves the socket until the connection ends. Returns the way in which it ended.
    fn handle(self: Box<Self>, socket: &mut Socket) -> impl Future<Output = ConnectionEnd> + Send;
}

/// Responds to a handshake, and passes the socket to `handler` after the upgrade. The client's messages have at most
/// `max_message_bytes` bytes.
pub fn accept(mut request: UpgradeRequest, max_message_bytes: usize, handler: impl SocketHandler) -> Result<Response> {
    let accept_key = derive_accept_key(check(&request)?.as_bytes());
    let is_offered = offered_subprotocols(&request.headers).any(|offered| offered == SUBPROTOCOL);
    let upgrade = request.upgrade.take().ok_or_else(|| Error::internal("the request has no socket to upgrade"))?;
    let (permit, state) = (request.permit.clone(), request.state.clone());
    let holder = Holder { user_id: None, network: network(request.address) };
    // The task of the connection keeps nothing else of the request.
    drop(request);
    let registry = Arc::clone(state.chat.registry());
    state.sockets.spawn(run(upgrade, max_message_bytes, Box::new(handler), permit, registry, holder));

    let mut response = empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, WEBSOCKET);
    headers.insert(SEC_WEBSOCKET_ACCEPT, HeaderValue::from_str(&accept_key).map_err(Error::internal)?);
    if is_offered {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    }
    Ok(response)
}

/// Runs the task of a connection.
#[allow(clippy::manual_async_fn)] // an `async fn` stores its arguments twice
fn run(
    upgrade: OnUpgrade,
    max_message_bytes: usize,
    handler: Box<impl SocketHandler>,
    permit: Arc<SocketPermit>,
    registry: Arc<Registry>,
    holder: Holder,
) -> impl Future<Output = ()> + Send {
    async move {
        let (stream, early) = match upgrade.await.map(Upgraded::downcast::<TokioIo<ClientSocket>>) {
            Ok(Ok(parts)) => (parts.io.into_inner().into_stream(), parts.read_buf),
            Ok(Err(_)) => return tracing::error!("the upgraded socket is not a client's"),
            Err(error) => return debug!(%error, "the socket failed before the upgrade"),
        };
        // hyper has dropped the service, and the request is answered.
        let Some(stream) = stream else { return tracing::error!("the upgraded socket is still in use") };
        if let Err(error) = unbound_unsent_bytes(&stream) {
            debug!(%error, "TCP_NOTSENT_LOWAT could not be set");
        }
        let mut socket = Box::new(Socket::new(stream, early, max_message_bytes, &registry, holder));
        let end = handler.handle(&mut socket).await;
        // Boxed, so that the connection has no memory for the closing handshake before it closes.
        Box::pin(socket.close(end)).await;
        // The permit is held until the socket is closed.
        drop(permit);
    }
}

/// Checks a handshake. Returns its key, or `upgrade_required` when the request does not ask for WebSocket 13.
fn check(request: &UpgradeRequest) -> Result<String> {
    let headers = &request.headers;
    let malformed = |detail: &'static str| Error::new(Code::Malformed, detail);
    if request.method != Method::GET || request.version != Version::HTTP_11 {
        return Err(malformed("A WebSocket handshake must be a GET request over HTTP/1.1."));
    }
    if !has_token(headers, CONNECTION, "upgrade") || !has_token(headers, UPGRADE, "websocket") {
        return Err(upgrade_required());
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(upgrade_required());
    }
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    let (key, second_key) = (keys.next().and_then(|key| key.to_str().ok()), keys.next());
    let is_key = |key: &&str| BASE64.decode(key).is_ok_and(|bytes| bytes.len() == 16);
    let key = key.filter(is_key).filter(|_| second_key.is_none());
    let key = key.ok_or_else(|| malformed("Sec-WebSocket-Key must be given once: 16 bytes in base64."))?;
    if let Some(origin) = headers.get(ORIGIN) {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let origin = origin.to_str().unwrap_or_default().to_ascii_lowercase();
        if !request.state.origins.allow(&origin, host) {
            let detail =
                "Pages of this origin cannot connect. It must be that of Host, or be in CHINWAG_ALLOWED_ORIGINS.";
            return Err(Error::forbidden(detail));
        }
    }
    if request.state.draining.is_cancelled() {
        let retry_after = std::time::Duration::from_secs(1);
        return Err(Error::new(Code::Draining, "The server is about to stop.").after(retry_after));
    }
    Ok(key.to_owned())
}

fn upgrade_required() -> Error {
    Error::new(Code::UpgradeRequired, "This address accepts only WebSocket handshakes, version 13.")
}

fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(token))
}

/// Returns the subprotocols that the client offers.
pub(super) fn offered_subprotocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}
