//! Token buckets: how often is too often. What time it is, is an argument.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Code, Error, Result};
use crate::limits::{self, Rate};

/// One token bucket.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    tokens: f64,
    filled_at: Instant,
}

impl TokenBucket {
    /// A full one.
    pub fn full(rate: Rate, now: Instant) -> Self {
        Self { tokens: f64::from(rate.burst), filled_at: now }
    }

    /// Takes a token: `rate_limited`, with when the next one comes, if there is none.
    pub fn take(&mut self, rate: Rate, now: Instant) -> Result<()> {
        let tokens = self.tokens_at(rate, now);
        if tokens < 1.0 {
            let wait = Duration::from_secs_f64((1.0 - tokens) / per_second(rate));
            return Err(Error::new(Code::RateLimited, "That was too fast; wait a little.").after(wait));
        }
        *self = Self { tokens: tokens - 1.0, filled_at: now };
        Ok(())
    }

    fn tokens_at(&self, rate: Rate, now: Instant) -> f64 {
        let seconds = now.saturating_duration_since(self.filled_at).as_secs_f64();
        (self.tokens + seconds * per_second(rate)).min(f64::from(rate.burst))
    }
}

fn per_second(rate: Rate) -> f64 {
    f64::from(rate.per_minute) / 60.0
}

/// A token bucket for each key.
pub struct RateLimiter<K> {
    rate: Rate,
    known: Mutex<Known<K>>,
}

/// The buckets that are not known to be full.
struct Known<K> {
    buckets: HashMap<K, TokenBucket>,
    swept_at: Option<Instant>,
}

impl<K: Hash + Eq> RateLimiter<K> {
    /// Full buckets.
    pub fn new(rate: Rate) -> Self {
        Self { rate, known: Mutex::new(Known { buckets: HashMap::new(), swept_at: None }) }
    }

    /// Takes a token from the key's bucket: `rate_limited`, with when the next one comes, if there is none.
    pub fn take(&self, key: K, now: Instant) -> Result<()> {
        let mut known = self.known();
        if let Some(bucket) = known.buckets.get_mut(&key) {
            return bucket.take(self.rate, now);
        }
        let mut bucket = TokenBucket::full(self.rate, now);
        bucket.take(self.rate, now)?;
        known.make_room(self.rate, now);
        // With every place taken by somebody who is limited, newcomers pass: what stands behind has bounds of its own.
        if known.buckets.len() < limits::RATE_KEYS_MAX {
            known.buckets.insert(key, bucket);
        }
        Ok(())
    }

    /// Gives a token back that was taken for what turned out to be harmless.
    pub fn refund(&self, key: &K) {
        if let Some(bucket) = self.known().buckets.get_mut(key) {
            bucket.tokens = (bucket.tokens + 1.0).min(f64::from(self.rate.burst));
        }
    }

    fn known(&self) -> MutexGuard<'_, Known<K>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq> Known<K> {
    /// Forgets what is full again. Seldom, since it looks at every bucket.
    fn make_room(&mut self, rate: Rate, now: Instant) {
        let lately = |at| now.saturating_duration_since(at) < limits::RATE_SWEEP;
        if self.buckets.len() < limits::RATE_KEYS_MAX || self.swept_at.is_some_and(lately) {
            return;
        }
        self.swept_at = Some(now);
        self.buckets.retain(|_, bucket| bucket.tokens_at(rate, now) < f64::from(rate.burst));
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::RateLimiter;
    use crate::domain::Code;
    use crate::limits::{self, Rate};

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let buckets = RateLimiter::new(Rate { burst: 2, per_minute: 60 });
        let start = Instant::now();
        let take = |key, after_ms| buckets.take(key, start + Duration::from_millis(after_ms));
        assert_eq!((take("a", 0), take("a", 0)), (Ok(()), Ok(())));
        let refused = take("a", 500).expect_err("empty");
        assert_eq!((refused.code, refused.retry_after), (Code::RateLimited, Some(Duration::from_millis(500))));
        assert_eq!((take("b", 500), take("a", 1_100)), (Ok(()), Ok(())));
        assert!(take("a", 1_200).is_err());
    }

    #[test]
    fn what_was_harmless_is_given_back() {
        let buckets = RateLimiter::new(Rate { burst: 1, per_minute: 1 });
        let now = Instant::now();
        for _ in 0..3 {
            assert_eq!(buckets.take("a", now), Ok(()));
            assert!(buckets.take("a", now).is_err());
            buckets.refund(&"a");
        }
    }

    #[test]
    fn only_so_many_are_remembered() {
        let buckets = RateLimiter::new(Rate { burst: 1, per_minute: 1 });
        let start = Instant::now();
        for key in 0..limits::RATE_KEYS_MAX + 10 {
            assert_eq!(buckets.take(key, start), Ok(()));
        }
        assert_eq!(buckets.known().buckets.len(), limits::RATE_KEYS_MAX);
        assert!(buckets.take(0, start).is_err(), "those who are limited stay so");
        assert_eq!(buckets.take(limits::RATE_KEYS_MAX, start), Ok(()), "others pass");
        let later = start + Duration::from_secs(60);
        assert_eq!(buckets.take(limits::RATE_KEYS_MAX, later), Ok(()));
        assert_eq!(buckets.known().buckets.len(), 1, "full ones are forgotten");
    }
}

#[cfg(test)]
#[path = "rate_limiter_property_tests.rs"]
mod properties;
