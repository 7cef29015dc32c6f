//! The time at which a connection is closed because the last of its tokens has expired.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::domain::Timestamp;

/// The deadline of a connection. A fresh token extends it.
pub struct TokenDeadline {
    expires_at: AtomicI64,
}

impl TokenDeadline {
    /// Creates a deadline at `expires_at`.
    pub(super) fn at(expires_at: Timestamp) -> Self {
        Self { expires_at: AtomicI64::new(expires_at.0) }
    }

    /// Creates a deadline that is never reached.
    pub fn endless() -> Self {
        Self::at(Timestamp(i64::MAX))
    }

    /// Extends the deadline to `expires_at`. An earlier time does not shorten it.
    pub(super) fn extend(&self, expires_at: Timestamp) {
        self.expires_at.fetch_max(expires_at.0, Ordering::Relaxed);
    }

    /// Returns the time that remains, or zero when the deadline is reached.
    pub(super) fn remaining(&self) -> Duration {
        let micros = self.expires_at.load(Ordering::Relaxed).saturating_sub(Timestamp::now().0);
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }
}
