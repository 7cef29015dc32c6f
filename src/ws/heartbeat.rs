//! The heartbeat: pings the client, and detects a client that no longer responds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::end::ConnectionEnd;
use crate::registry::SendQueue;
use crate::wire::close::Close;
use crate::wire::framing;

/// Number of unanswered pings after which a connection is closed.
const UNANSWERED_PINGS_MAX: u32 = 2;

/// The client's activity, reported by the reader to the heartbeat.
pub(super) struct PeerActivity {
    received: AtomicBool,
    /// The reader is not reading, because the server is still working on a frame.
    busy: AtomicBool,
}

impl Default for PeerActivity {
    fn default() -> Self {
        Self { received: AtomicBool::new(false), busy: AtomicBool::new(true) }
    }
}

impl PeerActivity {
    /// Records that bytes came from the client. Any byte shows that it is alive.
    pub(super) fn set_received(&self) {
        self.received.store(true, Ordering::Relaxed);
    }

    /// Records whether the server is too busy to read. A client does not count as silent while nothing is read from it.
    pub(super) fn set_busy(&self, busy: bool) {
        self.busy.store(busy, Ordering::Relaxed);
    }

    /// Returns true if the client was active since the last call or the server is busy.
    fn take(&self) -> bool {
        self.received.swap(false, Ordering::Relaxed) || self.busy.load(Ordering::Relaxed)
    }
}

/// The heartbeat of one connection.
pub(super) struct Heartbeat {
    period: Duration,
    next: Instant,
    unanswered: u32,
}

impl Heartbeat {
    pub(super) fn new(period: Duration) -> Self {
        Self { period, next: Instant::now() + period, unanswered: 0 }
    }

    /// Returns the time of the next ping.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// Calls `on_beat` and pings, if the time has come. Returns an error when [`UNANSWERED_PINGS_MAX`] pings in a row were not
    /// answered.
    pub(super) fn ping_if_due(
        &mut self,
        send_queue: &SendQueue,
        activity: &PeerActivity,
        on_beat: impl Fn(),
    ) -> Result<(), ConnectionEnd> {
        let now = Instant::now();
        if now < self.next {
            return Ok(());
        }
        // A late ping delays the next ones, so that the client always has a whole period to answer.
        self.next = now + self.period;
        if activity.take() {
            self.unanswered = 0;
        }
        if self.unanswered == UNANSWERED_PINGS_MAX {
            return Err(Close::NO_PONG.into());
        }
        on_beat();
        send_queue.push(framing::ping());
        self.unanswered += 1;
        Ok(())
    }
}
