//! How a lane waits while the store does not answer.

use std::time::Duration;

use tokio::time::sleep;

use crate::limits;

/// The pauses between tries: from [`limits::RETRY_PAUSE`] on each is twice as long, up to [`limits::RETRY_PAUSE_MAX`].
pub(super) struct Backoff {
    next: Duration,
    was_needed: bool,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { next: limits::RETRY_PAUSE, was_needed: false }
    }

    /// Waits before the next try.
    pub(super) async fn pause(&mut self) {
        sleep(self.next).await;
        self.next = (self.next * 2).min(limits::RETRY_PAUSE_MAX);
        self.was_needed = true;
    }

    /// The store answers. Says whether it did not before.
    pub(super) fn is_over(&mut self) -> bool {
        std::mem::replace(self, Self::new()).was_needed
    }
}
