//! How long a connection may live: until its newest token expires.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use crate::domain::Timestamp;

/// The time to live, which fresh tokens prolong.
pub(super) struct Lease {
    expires_at: AtomicI64,
    renewed: Notify,
}

impl Lease {
    pub(super) fn until(expires_at: Timestamp) -> Self {
        Self { expires_at: AtomicI64::new(expires_at.0), renewed: Notify::new() }
    }

    /// A token came that expires then.
    pub(super) fn renew(&self, expires_at: Timestamp) {
        self.expires_at.store(expires_at.0, Ordering::Relaxed);
        self.renewed.notify_one();
    }

    /// Returns when the newest token has expired.
    pub(super) async fn expired(&self) {
        loop {
            let left = self.expires_at.load(Ordering::Relaxed).saturating_sub(Timestamp::now().0);
            tokio::select! {
                () = sleep(Duration::from_micros(u64::try_from(left).unwrap_or(0))) => return,
                () = self.renewed.notified() => {}
            }
        }
    }
}
