//! How much a connection may get wrong before it is closed.

use std::time::Instant;

use crate::domain::rate_limiter::TokenBucket;
use crate::domain::{Code, Error};
use crate::limits;
use crate::wire::close::Close;

/// What a connection got wrong so far.
pub(super) struct ViolationCounter {
    bad_in_a_row: u32,
    too_fast: TokenBucket,
}

impl ViolationCounter {
    pub(super) fn none() -> Self {
        Self { bad_in_a_row: 0, too_fast: TokenBucket::full(limits::WRITES_REFUSED, Instant::now()) }
    }

    /// A frame was fine.
    pub(super) fn forget(&mut self) {
        self.bad_in_a_row = 0;
    }

    /// A frame was refused. Why the connection closes, if that was one too many.
    pub(super) fn count(&mut self, error: &Error) -> Option<Close> {
        if error.code == Code::RateLimited {
            // A good frame, only too early.
            self.forget();
            let too_often = self.too_fast.take(limits::WRITES_REFUSED, Instant::now()).is_err();
            return too_often.then_some(Close::TOO_FAST);
        }
        // A frame that is well formed and refused, for the role of its user say, is no violation.
        if !matches!(error.code, Code::Malformed | Code::Invalid) {
            self.forget();
            return None;
        }
        self.bad_in_a_row += 1;
        (self.bad_in_a_row >= limits::BAD_FRAMES_MAX).then_some(Close::BAD_FRAMES)
    }
}
