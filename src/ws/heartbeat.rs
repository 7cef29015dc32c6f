//! The heartbeat: pings, and finds peers that are gone without a word.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::close::{self, End};
use crate::registry::Outbox;
use crate::wire::framing;

/// Pings without an answer that close a connection.
const UNANSWERED: u32 = 2;

/// What the reading side tells the heartbeat.
pub(super) struct Pulse {
    heard: AtomicBool,
    busy: AtomicBool,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { heard: AtomicBool::new(false), busy: AtomicBool::new(true) }
    }
}

impl Pulse {
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

/// Pings every `period`, after calling `on_beat`; returns when too many pings in a row were not answered.
pub(super) async fn run(outbox: &Outbox, pulse: &Pulse, period: Duration, on_beat: impl Fn()) -> End {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let mut unanswered = 0;
    loop {
        ticks.tick().await;
        if pulse.take() {
            unanswered = 0;
        }
        if unanswered == UNANSWERED {
            return close::NO_PONG.into();
        }
        on_beat();
        outbox.push(framing::ping());
        unanswered += 1;
    }
}
