//! The server: accepts sockets and lets hyper speak HTTP/1.1 on them.
//!
//! The listener and the signal to stop are arguments, so that tests bind port 0 and never wait by guessing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
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
use tracing::debug;

use super::accept::Acceptor;
use super::chain;
use super::client_address::{client_address, is_trusted};
use super::crowds::Place;
use super::query::Query;
use super::request::{Request, Response};
use super::site::Site;
use crate::limits;

/// Accepts sockets until `stop`; then answers what was asked and closes them. Returns when all are closed.
pub async fn serve(listener: TcpListener, site: Arc<Site>, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(limits::SOCKETS));
    let connections = TaskTracker::new();
    let mut acceptor = Acceptor::new(listener);
    let accepting = async {
        loop {
            // The semaphore is never closed; and one that were would only stop the accepting.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let (socket, peer) = acceptor.next().await;
            let address = Some(peer.ip()).filter(|peer| !is_trusted(*peer, &site.trusted_proxies));
            let Some(place) = site.crowds.accepted(place, address) else {
                acceptor.turn_away(socket, peer);
                continue;
            };
            connections.spawn(connection(socket, peer, Arc::clone(&site), stop.clone(), place));
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

async fn connection(socket: TcpStream, peer: SocketAddr, site: Arc<Site>, stop: CancellationToken, place: Place) {
    // Answers are small and complete: waiting for more to send only adds latency.
    if let Err(error) = socket.set_nodelay(true) {
        debug!(%error, "TCP_NODELAY refused");
    }
    give_up_after(&socket, site.stall);
    // A socket that is upgraded outlives this task, so its place goes with each of its requests.
    let place = Arc::new(place);
    let head_timeout = site.head_timeout;
    let service = service_fn(move |incoming| answer(incoming, peer, Arc::clone(&site), Arc::clone(&place)));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_buf_size(limits::HEAD_BYTES)
        // Who has said everything and closes that side still wants the answer.
        .half_close(true)
        .serve_connection(TokioIo::new(socket), service)
        .with_upgrades();
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, %peer, "connection ended badly");
    }
}

/// Lets the kernel close a socket whose peer takes nothing of what is sent to it for so long: hyper waits for it for ever.
fn give_up_after(socket: &TcpStream, stall: Duration) {
    #[cfg(target_os = "linux")]
    if let Err(error) = set_tcp_user_timeout(socket, u32::try_from(stall.as_millis()).unwrap_or(u32::MAX)) {
        debug!(%error, "TCP_USER_TIMEOUT refused");
    }
}

async fn answer(
    incoming: hyper::Request<Incoming>,
    peer: SocketAddr,
    site: Arc<Site>,
    place: Arc<Place>,
) -> Result<Response, std::convert::Infallible> {
    let draining = site.draining.clone();
    let (mut head, body) = incoming.into_parts();
    let path = head.uri.path().to_owned();
    let request = Request {
        id: Arc::default(),
        route: site.router.find(&head.method, &path),
        method: head.method,
        path,
        query: Query::new(head.uri.query()),
        version: head.version,
        address: client_address(peer.ip(), &head.headers, &site.trusted_proxies),
        headers: head.headers,
        caller: None,
        body: Some(body),
        arrival: Arc::default(),
        upgrade: head.extensions.remove::<upgrade::OnUpgrade>(),
        place,
        site,
    };
    let mut answer = chain::run(request).await;
    // Told to go, a client goes between two requests; otherwise the end could come while its next one is on the way.
    if draining.is_cancelled() && answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(answer)
}
