//! Limits the log lines of a failure that repeats: the first ones are logged, further ones are counted.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::limits;

/// The failures of the last [`limits::LOG_THROTTLE`].
pub(super) struct LogCounter(Mutex<Option<Window>>);

#[derive(Clone, Copy)]
struct Window {
    end: Instant,
    failures: u64,
}

impl LogCounter {
    /// Returns a counter without failures.
    pub(super) const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Counts a failure. Returns `None` if it is not to be logged, and otherwise the number of earlier failures that were not logged and that
    /// no call has returned yet.
    pub(super) fn admit(&self, now: Instant) -> Option<u64> {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let over = window.take_if(|window| window.end <= now);
        let window = window.get_or_insert(Window { end: now + limits::LOG_THROTTLE, failures: 0 });
        window.failures += 1;
        let unlogged = over.map_or(0, |window| window.failures.saturating_sub(limits::FAILURES_LOGGED));
        (window.failures <= limits::FAILURES_LOGGED).then_some(unlogged)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::LogCounter;
    use crate::limits;

    #[test]
    fn a_flood_of_failures_is_counted() {
        let (counter, start) = (LogCounter::new(), Instant::now());
        for _ in 0..limits::FAILURES_LOGGED {
            assert_eq!(counter.admit(start), Some(0));
        }
        for _ in 0..7 {
            assert_eq!(counter.admit(start + limits::LOG_THROTTLE / 2), None);
        }
        let later = start + limits::LOG_THROTTLE;
        assert_eq!(counter.admit(later), Some(7));
        assert_eq!(counter.admit(later), Some(0), "it is reported once");
    }
}
