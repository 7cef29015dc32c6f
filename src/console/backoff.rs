//! The pause before the next connection.

use std::time::Duration;

use uuid::Uuid;

/// The first pause, of which a random part is waited.
const PAUSE_MIN: Duration = Duration::from_millis(500);
/// Longest pause. A server that comes back is found within half a minute.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Doublings after which a pause is longer than [`PAUSE_MAX`].
const DOUBLINGS_MAX: u32 = 6;

/// Pauses that double with each failure, of which a random part is waited ("full jitter"), so that clients that lost their connections at one
/// moment do not come back at one moment.
#[derive(Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Returns the pause after a failure.
    pub(super) fn next_pause(&mut self) -> Duration {
        let longest = (PAUSE_MIN * 2u32.pow(self.failures.min(DOUBLINGS_MAX))).min(PAUSE_MAX);
        self.failures = self.failures.saturating_add(1);
        let (_, random) = Uuid::now_v7().as_u64_pair();
        let millis = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX).max(1);
        Duration::from_millis(random % millis)
    }

    /// Notes that a connection has lived for a while.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::{Backoff, PAUSE_MAX, PAUSE_MIN};

    #[test]
    fn pauses_grow_up_to_a_bound() {
        let mut backoff = Backoff::default();
        assert!(backoff.next_pause() < PAUSE_MIN);
        assert!((0..100).all(|_| backoff.next_pause() < PAUSE_MAX));
        assert!((0..100).any(|_| backoff.next_pause() > PAUSE_MIN), "they grow");
        backoff.reset();
        assert!(backoff.next_pause() < PAUSE_MIN);
    }
}
