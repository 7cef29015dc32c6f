//! How long the journal tries.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::domain::{Code, Error};
use crate::limits;

/// How long a batch whose outcome is unknown is committed again, which its ids make safe.
pub(super) struct Patience {
    deadline: Instant,
    pause: Duration,
    /// Whether there was a try whose outcome is unknown.
    pub(super) was_needed: bool,
}

impl Patience {
    pub(super) fn new() -> Self {
        Self { deadline: Instant::now() + limits::JOURNAL_TRIES_FOR, pause: limits::RETRY_PAUSE, was_needed: false }
    }

    /// Pauses and says yes, if another try may help and there is time for it.
    pub(super) async fn lasts(&mut self, error: &Error) -> bool {
        if error.code != Code::Unavailable || Instant::now() + self.pause >= self.deadline {
            return false;
        }
        self.was_needed = true;
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(Duration::from_secs(1));
        true
    }
}
