//! Counts the bad frames of a connection, to close it after too many.

use std::time::Instant;

use crate::domain::rate_limiter::TokenBucket;
use crate::domain::{Code, Error};
use crate::limits;
use crate::wire::close::Close;

/// The violations of one connection.
pub(super) struct ViolationCounter {
    bad_in_a_row: u32,
    rate_limited: TokenBucket,
}

impl ViolationCounter {
    pub(super) fn new() -> Self {
        Self { bad_in_a_row: 0, rate_limited: TokenBucket::full(limits::WRITES_REFUSED, Instant::now()) }
    }

    /// Ends a run of bad frames, because a good one came.
    pub(super) fn reset(&mut self) {
        self.bad_in_a_row = 0;
    }

    /// Counts a refused frame. Returns the reason to close the connection when the limit is reached.
    pub(super) fn count(&mut self, error: &Error) -> Option<Close> {
        if error.code == Code::RateLimited {
            // The frame itself is good; it only came too early.
            self.reset();
            let too_many = self.rate_limited.take(limits::WRITES_REFUSED, 1, Instant::now()).is_err();
            return too_many.then_some(Close::TOO_FAST);
        }
        // A well-formed frame that is refused, for example because of the user's role, is no violation.
        if !matches!(error.code, Code::Malformed | Code::Invalid) {
            self.reset();
            return None;
        }
        self.bad_in_a_row += 1;
        (self.bad_in_a_row >= limits::BAD_FRAMES_MAX).then_some(Close::BAD_FRAMES)
    }
}
