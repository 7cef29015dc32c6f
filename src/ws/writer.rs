//! The side of a WebSocket that writes: goes on where the kernel was full, and does what is done by the clock.
//!
//! A connection that says nothing is mostly this, so it is made to be small: one timer for all, and no future but its own.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use super::end::ConnectionEnd;
use super::heartbeat::Heartbeat;
use super::sink::Peer;
use super::token_deadline::TokenDeadline;
use crate::registry::{SendQueue, WakeReason};
use crate::wire::close::Close;

/// Writes to a socket what waits in its send_queue.
pub struct Writer {
    /// What is frame to the peer.
    pub send_queue: Arc<SendQueue<Peer>>,
}

impl Writer {
    pub(super) fn new(send_queue: Arc<SendQueue<Peer>>) -> Self {
        Self { send_queue }
    }

    /// Writes, and pings every `heartbeat` after calling `on_beat`; returns when the server closes the connection, the deadline is over,
    /// the peer is silent, or the socket is gone.
    pub async fn run(&self, heartbeat: Duration, deadline: &TokenDeadline, on_beat: impl Fn()) -> ConnectionEnd {
        let mut heart = Heartbeat::new(heartbeat);
        let mut timer = pin!(sleep_until(next(&heart, deadline)));
        poll_fn(|cx| {
            if let Poll::Ready(end) = self.poll_write(cx) {
                return Poll::Ready(end);
            }
            loop {
                ready!(timer.as_mut().poll(cx));
                if deadline.left().is_zero() {
                    return Poll::Ready(Close::TOKEN_EXPIRED.into());
                }
                if let Err(end) = heart.beat(self.send_queue.as_ref(), &self.send_queue.sink().activity, &on_beat) {
                    return Poll::Ready(end);
                }
                timer.as_mut().reset(next(&heart, deadline));
            }
        })
        .await
    }

    /// Flushes whenever the socket can be written again.
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

/// When something is to be done by the clock.
fn next(heart: &Heartbeat, deadline: &TokenDeadline) -> Instant {
    let now = Instant::now();
    let until_beat = heart.next().saturating_duration_since(now);
    now + until_beat.min(deadline.left())
}
