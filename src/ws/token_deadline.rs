//! How long a connection may live: until the last of its tokens expires.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::domain::Timestamp;

/// The time to live, which fresh tokens prolong.
pub struct TokenDeadline {
    expires_at: AtomicI64,
}

impl TokenDeadline {
    /// One that ends then.
    pub(super) fn until(expires_at: Timestamp) -> Self {
        Self { expires_at: AtomicI64::new(expires_at.0) }
    }

    /// One without end.
    pub fn endless() -> Self {
        Self::until(Timestamp(i64::MAX))
    }

    /// A token came that expires then. It cannot shorten what an earlier one gave.
    pub(super) fn renew(&self, expires_at: Timestamp) {
        self.expires_at.fetch_max(expires_at.0, Ordering::Relaxed);
    }

    /// What is left of it; nothing once it is over.
    pub(super) fn left(&self) -> Duration {
        let left = self.expires_at.load(Ordering::Relaxed).saturating_sub(Timestamp::now().0);
        Duration::from_micros(u64::try_from(left).unwrap_or(0))
    }
}
