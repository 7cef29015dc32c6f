//! Accepts sockets, and retries while the process is out of file descriptors.

use std::io::{self, Write};
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};
use tracing::{debug, warn};

use crate::limits;

/// The response to a client whose network has too many open sockets. Its request is not read, so the response has no request id.
const TOO_MANY_SOCKETS: &[u8] =
    b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// A listener that continues after errors.
pub(super) struct Acceptor {
    listener: TcpListener,
    accept_errors: LogThrottle,
    rejections: LogThrottle,
}

impl Acceptor {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self { listener, accept_errors: LogThrottle::default(), rejections: LogThrottle::default() }
    }

    /// Accepts the next socket. When no file descriptor is free, it retries every [`limits::ACCEPT_PAUSE`]. New sockets wait in the
    /// kernel's queue meanwhile.
    pub(super) async fn next(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok(accepted) => return accepted,
                Err(error) if is_of_one_socket(&error) => {}
                Err(error) => {
                    if self.accept_errors.should_log() {
                        warn!(%error, "no socket can be accepted; open sockets are still served");
                    }
                    sleep(limits::ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Writes a response to a socket if the kernel takes it at once, and closes the socket. A rejected client costs no more than this.
    pub(super) fn reject(&mut self, socket: TcpStream, peer: SocketAddr) {
        if self.rejections.should_log() {
            warn!(%peer, "too many sockets of one address; if it is a proxy, add it to CHINWAG_TRUSTED_PROXIES");
        }
        // Not through tokio, which would wait until the socket is reported as writable.
        let written = socket.into_std().and_then(|mut socket| socket.write(TOO_MANY_SOCKETS));
        if let Err(error) = written {
            debug!(%error, "rejected without a response");
        }
    }
}

/// Returns true if an error concerns only the socket that was being accepted, so that the next one can succeed.
fn is_of_one_socket(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Limits the log lines of an event that repeats.
#[derive(Default)]
struct LogThrottle {
    last: Option<Instant>,
}

impl LogThrottle {
    /// Records the event. Returns true if it did not happen in the last [`limits::LOG_THROTTLE`].
    fn should_log(&mut self) -> bool {
        let now = Instant::now();
        self.last.replace(now).is_none_or(|last| now - last > limits::LOG_THROTTLE)
    }
}
