//! The writing side of a WebSocket: flushes the send queue when the socket becomes writable again, and runs the timers.
//!
//! An idle connection consists mostly of this, so it is kept small: one timer for everything, and a single future.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use super::end::ConnectionEnd;
use super::heartbeat::Heartbeat;
use super::sink::SocketSink;
use super::token_deadline::TokenDeadline;
use crate::registry::{SendQueue, WakeReason};
use crate::wire::close::Close;

/// Writes a send queue to its socket.
pub struct Writer {
    /// The frames that wait for the client.
    pub send_queue: Arc<SendQueue<SocketSink>>,
}

impl Writer {
    pub(super) fn new(send_queue: Arc<SendQueue<SocketSink>>) -> Self {
        Self { send_queue }
    }

    /// Writes, and every `heartbeat` calls `on_beat` and pings. Returns when the server closes the connection, the deadline is reached,
    /// the client does not answer pings, or the socket fails.
    pub async fn run(&self, heartbeat: Duration, deadline: &TokenDeadline, on_beat: impl Fn()) -> ConnectionEnd {
        let mut heartbeat = Heartbeat::new(heartbeat);
        let mut timer = pin!(sleep_until(next_timer(&heartbeat, deadline)));
        poll_fn(|cx| {
            if let Poll::Ready(end) = self.poll_write(cx) {
                return Poll::Ready(end);
            }
            loop {
                ready!(timer.as_mut().poll(cx));
                if deadline.remaining().is_zero() {
                    return Poll::Ready(Close::TOKEN_EXPIRED.into());
                }
                let activity = &self.send_queue.sink().activity;
                if let Err(end) = heartbeat.ping_if_due(self.send_queue.as_ref(), activity, &on_beat) {
                    return Poll::Ready(end);
                }
                timer.as_mut().reset(next_timer(&heartbeat, deadline));
            }
        })
        .await
    }

    /// Flushes the send queue whenever the socket is writable again.
    fn poll_write(&self, cx: &mut Context<'_>) -> Poll<ConnectionEnd> {
        loop {
            match ready!(self.send_queue.poll_wake(cx)) {
                WakeReason::Blocked => {
                    let socket: &TcpStream = self.send_queue.sink().socket.as_ref();
                    match ready!(socket.poll_write_ready(cx)) {
                        Ok(()) => self.send_queue.flush(),
                        Err(_) => return Poll::Ready(ConnectionEnd::Broken),
                    }
                }
                WakeReason::Closing(close) => return Poll::Ready(ConnectionEnd::Close(close)),
                WakeReason::Broken => return Poll::Ready(ConnectionEnd::Broken),
            }
        }
    }
}

/// Returns the time of the next ping or of the deadline, whichever is earlier.
fn next_timer(heartbeat: &Heartbeat, deadline: &TokenDeadline) -> Instant {
    let now = Instant::now();
    let until_ping = heartbeat.next().saturating_duration_since(now);
    now + until_ping.min(deadline.remaining())
}
