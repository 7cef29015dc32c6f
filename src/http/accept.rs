//! Accepting sockets, and what to do while that cannot be done.

use std::io::{self, Write};
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};
use tracing::{debug, warn};

use crate::limits;

/// What a client is told of whose address too many sockets are open. Nothing is read of it, so it has no request id.
const CROWDED: &[u8] =
    b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// A listener that gets over what happens to it.
pub(super) struct Acceptor {
    listener: TcpListener,
    failing: LogThrottle,
    crowded: LogThrottle,
}

impl Acceptor {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self { listener, failing: LogThrottle::default(), crowded: LogThrottle::default() }
    }

    /// The next socket. With none to be had (no file descriptor is free) it tries again from time to time, and finds those
    /// that wait in the kernel's queue.
    pub(super) async fn next(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok(accepted) => return accepted,
                Err(error) if is_of_one(&error) => {}
                Err(error) => {
                    if self.failing.begins() {
                        warn!(%error, "no socket can be accepted; those that are open are served");
                    }
                    sleep(limits::ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Closes a socket with a word, if the kernel takes it at once: whoever comes too often costs no more.
    pub(super) fn reject(&mut self, socket: TcpStream, peer: SocketAddr) {
        if self.crowded.begins() {
            warn!(%peer, "too many sockets of one address; a proxy should be named in CHINWAG_TRUSTED_PROXIES");
        }
        // Not through tokio, which would wait to hear that the socket can be written.
        let told = socket.into_std().and_then(|mut socket| socket.write(CROWDED));
        if let Err(error) = told {
            debug!(%error, "turned away without a word");
        }
    }
}

/// Whether the socket that was to be accepted is lost, and the next one may be fine.
fn is_of_one(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Something that goes on happening and is told only when it begins.
#[derive(Default)]
struct LogThrottle {
    last: Option<Instant>,
}

impl LogThrottle {
    /// It happened. Says whether it had not for a while.
    fn begins(&mut self) -> bool {
        let now = Instant::now();
        self.last.replace(now).is_none_or(|last| now - last > limits::LOG_THROTTLE)
    }
}
