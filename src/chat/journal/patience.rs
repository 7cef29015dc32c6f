//! How a lane waits while the store does not answer.

use std::time::Duration;

use tokio::time::sleep;

use crate::limits;

/// The pauses between tries: from [`limits::RETRY_PAUSE`] on each is twice as long, up to [`limits::RETRY_PAUSE_MAX`].
pub(super) struct Patience(Duration);

impl Patience {
    pub(super) fn new() -> Self {
        Self(limits::RETRY_PAUSE)
    }

    /// Waits before the next try.
    pub(super) async fn pause(&mut self) {
        sleep(self.0).await;
        self.0 = (self.0 * 2).min(limits::RETRY_PAUSE_MAX);
    }

    /// The store answers.
    pub(super) fn renew(&mut self) {
        self.0 = limits::RETRY_PAUSE;
    }
}
