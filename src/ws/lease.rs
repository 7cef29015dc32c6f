//! How long a connection may live: until its newest token expires.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::domain::Timestamp;

/// The time to live, which fresh tokens prolong.
pub(super) struct Lease {
    expires_at: AtomicI64,
}

impl Default for Lease {
    /// One without end.
    fn default() -> Self {
        Self { expires_at: AtomicI64::new(i64::MAX) }
    }
}

impl Lease {
    /// A token came that expires then. (Should that be sooner than before, the next heartbeat notices.)
    pub(super) fn renew(&self, expires_at: Timestamp) {
        self.expires_at.store(expires_at.0, Ordering::Relaxed);
    }

    /// What is left of it; nothing once it is over.
    pub(super) fn left(&self) -> Duration {
        let left = self.expires_at.load(Ordering::Relaxed).saturating_sub(Timestamp::now().0);
        Duration::from_micros(u64::try_from(left).unwrap_or(0))
    }
}
