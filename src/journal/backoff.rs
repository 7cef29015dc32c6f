//! Backoff: pauses between a worker's tries while the store does not answer.

use std::time::Duration;

use tokio::time::sleep;

use crate::limits;

/// The pauses between tries. The first is [`limits::RETRY_PAUSE`] long, each later one twice as long as the one before, up to a bound.
pub struct Backoff {
    next: Duration,
    longest: Duration,
    was_needed: bool,
}

impl Backoff {
    /// Returns a backoff whose pauses are at most `longest`.
    pub fn up_to(longest: Duration) -> Self {
        Self { next: limits::RETRY_PAUSE, longest, was_needed: false }
    }

    /// Waits before the next try.
    pub async fn pause(&mut self) {
        sleep(self.next).await;
        self.next = (self.next * 2).min(self.longest);
        self.was_needed = true;
    }

    /// Resets the pauses after the store has answered. Returns true if there was a pause since the last reset.
    pub fn reset(&mut self) -> bool {
        std::mem::replace(self, Self::up_to(self.longest)).was_needed
    }
}
