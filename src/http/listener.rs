//! Accepts sockets and serves HTTP/1.1 on them with hyper.
//!
//! The listener and the signal to stop are arguments, so that tests can bind port 0 and need no sleeps.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, EXPECT, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
#[cfg(target_os = "linux")]
use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::accept::Acceptor;
use super::chain;
use super::request::Request;
use super::router::{RouteMatch, Router};
use crate::limits;
use crate::transport::{
    AppState, ClientSocket, Query, Response, SocketPermit, bound_unsent_bytes, client_address, is_trusted,
};

/// The state and the routes of an HTTP server.
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Server {
    pub state: Arc<AppState>,
    pub router: Router,
}

/// Accepts sockets until `stop` is cancelled. Then it completes the requests in progress and closes the sockets. Returns when all are
/// closed.
pub async fn serve(listener: TcpListener, server: Arc<Server>, stop: CancellationToken) {
    let state = &server.state;
    let permits = Arc::new(Semaphore::new(limits::SOCKETS_MAX));
    let connections = TaskTracker::new();
    let mut acceptor = Acceptor::new(listener);
    let accepting = async {
        loop {
            // The semaphore is never closed.
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
            let (socket, peer) = acceptor.next().await;
            let address = Some(peer.ip()).filter(|peer| !is_trusted(*peer, &state.trusted_proxies));
            let Some(permit) = state.connection_limits.socket_permit(permit, address) else {
                acceptor.reject(socket, peer);
                continue;
            };
            connections.spawn(connection(socket, peer, Arc::clone(&server), stop.clone(), permit));
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = accepting => {}
    }
    drop(acceptor);
    connections.close();
    connections.wait().await;
}

async fn connection(
    socket: TcpStream,
    peer: SocketAddr,
    server: Arc<Server>,
    stop: CancellationToken,
    permit: SocketPermit,
) {
    // Responses are written as a whole, so Nagle's algorithm would only add latency.
    if let Err(error) = socket.set_nodelay(true) {
        debug!(%error, "TCP_NODELAY could not be set");
    }
    set_write_timeout(&socket, server.state.peer_write_timeout);
    if let Err(error) = bound_unsent_bytes(&socket) {
        debug!(%error, "TCP_NOTSENT_LOWAT could not be set");
    }
    // An upgraded socket outlives this task, so each request shares the permit.
    let permit = Arc::new(permit);
    let head_timeout = server.state.head_timeout;
    let socket = ClientSocket::new(socket);
    let watched = socket.clone();
    let service =
        service_fn(move |incoming| respond(incoming, peer, watched.clone(), Arc::clone(&server), Arc::clone(&permit)));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_buf_size(limits::HEAD_BYTES_MAX)
        // A client that closes its writing side after the request still gets the response. hyper then notices no end of a client that waits for
        // one, so that reads watch for it themselves (`ClientSocket::client_gone`).
        .half_close(true)
        .serve_connection(TokioIo::new(socket), service)
        .with_upgrades();
    tokio::pin!(serving);
    let result = tokio::select! {
        result = serving.as_mut() => result,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = result {
        debug!(%error, %peer, "connection ended with an error");
    }
}

/// Makes the kernel close a socket whose peer accepts no bytes for `timeout`, because hyper would wait without limit.
fn set_write_timeout(socket: &TcpStream, timeout: Duration) {
    #[cfg(target_os = "linux")]
    if let Err(error) = set_tcp_user_timeout(socket, u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX)) {
        debug!(%error, "TCP_USER_TIMEOUT could not be set");
    }
}

async fn respond(
    incoming: hyper::Request<Incoming>,
    peer: SocketAddr,
    socket: ClientSocket,
    server: Arc<Server>,
    permit: Arc<SocketPermit>,
) -> Result<Response, std::convert::Infallible> {
    let state = Arc::clone(&server.state);
    let draining = state.draining.clone();
    let (mut head, body) = incoming.into_parts();
    if !is_trusted(peer.ip(), &state.trusted_proxies) && head.headers.contains_key("x-forwarded-for") {
        state.untrusted_proxy.call_once(|| {
            let text =
                "X-Forwarded-For of this peer is ignored; if it is your proxy, add it to CHINWAG_TRUSTED_PROXIES";
            warn!(%peer, "{text}, or all its clients share the limits of one address");
        });
    }
    let path = head.uri.path().to_owned();
    let expect = head.headers.get(EXPECT).filter(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    let unread: Option<Arc<AtomicBool>> = expect.map(|_| Arc::new(AtomicBool::new(true)));
    let (pattern, parameters, endpoint) = match server.router.find(&head.method, &path) {
        Ok(RouteMatch { pattern, parameters, endpoint }) => (pattern, parameters, Ok(endpoint)),
        Err(none) => ("", Vec::new(), Err(none)),
    };
    let request = Request {
        id: Arc::default(),
        pattern,
        parameters,
        method: head.method,
        path,
        query: Query::new(head.uri.query()),
        version: head.version,
        address: client_address(peer.ip(), &head.headers, &state.trusted_proxies),
        headers: head.headers,
        token: None,
        body: Some(body),
        unread: unread.clone(),
        upgrade: head.extensions.remove::<upgrade::OnUpgrade>(),
        socket,
        permit,
        state,
    };
    let mut response = chain::run(request, endpoint).await;
    // The server sends `100 Continue` when it reads the body. Before that it cannot know if the client sends the body, so hyper closes the
    // connection.
    let is_unread = unread.is_some_and(|unread| unread.load(Ordering::Relaxed));
    // During a drain, the client closes the connection between two requests. Otherwise the server could close it while the next
    // request is on its way.
    if (draining.is_cancelled() || is_unread) && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}
