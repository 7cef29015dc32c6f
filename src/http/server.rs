//! The server: accepts sockets and lets hyper speak HTTP/1.1 on them.
//!
//! The listener and the signal to stop are arguments, so that tests bind port 0 and never wait by guessing.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::chain;
use super::client_address::client_address;
use super::query::Query;
use super::request::{Request, Response};
use super::site::Site;
use crate::limits;

/// Accepts sockets until `stop`; then answers what was asked and closes them. Returns when all are closed.
pub async fn serve(listener: TcpListener, site: Arc<Site>, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(limits::SOCKETS));
    let connections = TaskTracker::new();
    let accepting = async {
        loop {
            // The semaphore is never closed; and one that were would only stop the accepting.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((socket, peer)) => {
                    connections.spawn(connection(socket, peer, Arc::clone(&site), stop.clone(), place));
                }
                Err(error) => {
                    warn!(%error, "a connection could not be accepted");
                    sleep(limits::ACCEPT_PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = accepting => {}
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn connection(
    socket: TcpStream,
    peer: SocketAddr,
    site: Arc<Site>,
    stop: CancellationToken,
    place: OwnedSemaphorePermit,
) {
    // Answers are small and complete: waiting for more to send only adds latency.
    if let Err(error) = socket.set_nodelay(true) {
        debug!(%error, "TCP_NODELAY refused");
    }
    // A socket that is upgraded outlives this task, so its place goes with each of its requests.
    let place = Arc::new(place);
    let service = service_fn(move |incoming| answer(incoming, peer, Arc::clone(&site), Arc::clone(&place)));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEAD_TIMEOUT)
        .max_buf_size(limits::HEAD_BYTES)
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

async fn answer(
    incoming: hyper::Request<Incoming>,
    peer: SocketAddr,
    site: Arc<Site>,
    place: Arc<OwnedSemaphorePermit>,
) -> Result<Response, std::convert::Infallible> {
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
    Ok(chain::run(request).await)
}
