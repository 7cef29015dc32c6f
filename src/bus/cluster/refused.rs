//! The packets that were not delivered: counted by reason, and said in the log now and then.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::limits;

/// The packets that were not delivered, by reason.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Refused {
    pub foreign: RefusedPackets,
    pub other_cluster: RefusedPackets,
    pub stale: RefusedPackets,
    /// They may be copies from before the handshake with their sender.
    pub early: RefusedPackets,
    pub unknown: RefusedPackets,
    pub malformed: RefusedPackets,
    /// This node did not deliver them in time.
    pub unread: RefusedPackets,
    pub other_history: RefusedPackets,
    pub unconfirmed_history: RefusedPackets,
}

/// The packets that were not delivered for one reason.
#[derive(Debug, Default)]
pub struct RefusedPackets {
    count: AtomicU64,
    said_at: Mutex<Option<Instant>>,
}

impl RefusedPackets {
    /// Returns how many there were.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Counts a packet. The log says why, and how many there were, at most once in [`limits::LOG_THROTTLE`].
    pub(super) fn add(&self, reason: &str) {
        let packets = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        if self.may_say() {
            tracing::warn!(packets, reason, "a packet of the bus is ignored");
        }
    }

    /// Counts a packet of a kind of which every node that joins causes some. Only many are said.
    pub(super) fn add_quietly(&self, reason: &str) {
        let packets = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        if packets >= limits::EXPECTED_PACKETS_MAX && self.may_say() {
            tracing::warn!(packets, reason, "packets of the bus are ignored");
        }
    }

    /// Counts packets of which the caller says why.
    pub(super) fn add_silently(&self, packets: u64) {
        self.count.fetch_add(packets, Ordering::Relaxed);
    }

    /// A panic under the lock leaves a valid time.
    fn may_say(&self) -> bool {
        let (mut said_at, now) = (self.said_at.lock().unwrap_or_else(PoisonError::into_inner), Instant::now());
        let may = said_at.is_none_or(|at| now - at >= limits::LOG_THROTTLE);
        if may {
            *said_at = Some(now);
        }
        may
    }
}
