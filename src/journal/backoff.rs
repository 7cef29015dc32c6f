//! How a worker waits while the store does not answer.

use std::time::Duration;

use tokio::time::sleep;

use crate::limits;

/// The pauses between tries: from [`limits::RETRY_PAUSE`] on each is twice as long, up to a bound.
pub struct Backoff {
    next: Duration,
    longest: Duration,
    was_needed: bool,
}

impl Backoff {
    /// Pauses of at most `longest`.
    pub fn up_to(longest: Duration) -> Self {
        Self { next: limits::RETRY_PAUSE, longest, was_needed: false }
    }

    /// Waits before the next try.
    pub async fn pause(&mut self) {
        sleep(self.next).await;
        self.next = (self.next * 2).min(self.longest);
        self.was_needed = true;
    }

    /// Starts over, since the store answers. Returns true if it did not before.
    pub fn reset(&mut self) -> bool {
        std::mem::replace(self, Self::up_to(self.longest)).was_needed
    }
}
