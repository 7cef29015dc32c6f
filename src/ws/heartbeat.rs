//! The heartbeat: pings, and finds peers that are gone without a word.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::end::ConnectionEnd;
use crate::registry::SendQueue;
use crate::wire::close::Close;
use crate::wire::framing;

/// Pings without an answer that close a connection.
const UNANSWERED: u32 = 2;

/// What the reading side tells the heartbeat.
pub(super) struct PeerActivity {
    heard: AtomicBool,
    busy: AtomicBool,
}

impl Default for PeerActivity {
    fn default() -> Self {
        Self { heard: AtomicBool::new(false), busy: AtomicBool::new(true) }
    }
}

impl PeerActivity {
    /// Something came from the peer; anything shows that it is there.
    pub(super) fn beat(&self) {
        self.heard.store(true, Ordering::Relaxed);
    }

    /// Nobody reads, because the server itself is waited for: that is not the peer's silence.
    pub(super) fn set_busy(&self, busy: bool) {
        self.busy.store(busy, Ordering::Relaxed);
    }

    fn take(&self) -> bool {
        self.heard.swap(false, Ordering::Relaxed) || self.busy.load(Ordering::Relaxed)
    }
}

/// A connection's heart.
pub(super) struct Heartbeat {
    period: Duration,
    next: Instant,
    unanswered: u32,
}

impl Heartbeat {
    pub(super) fn new(period: Duration) -> Self {
        Self { period, next: Instant::now() + period, unanswered: 0 }
    }

    /// When it beats next.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// If it is time, pings after calling `on_beat`. An error if too many pings in a row were not answered.
    pub(super) fn beat(
        &mut self,
        send_queue: &SendQueue,
        activity: &PeerActivity,
        on_beat: impl Fn(),
    ) -> Result<(), ConnectionEnd> {
        let now = Instant::now();
        if now < self.next {
            return Ok(());
        }
        // A beat that came late delays those after it.
        self.next = now + self.period;
        if activity.take() {
            self.unanswered = 0;
        }
        if self.unanswered == UNANSWERED {
            return Err(Close::NO_PONG.into());
        }
        on_beat();
        send_queue.push(framing::ping());
        self.unanswered += 1;
        Ok(())
    }
}
