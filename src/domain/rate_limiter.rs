//! Rate limiting by token buckets. The caller passes the time.

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
    /// Makes a full bucket.
    pub fn full(rate: Rate, now: Instant) -> Self {
        Self { tokens: f64::from(rate.burst), filled_at: now }
    }

    /// Takes `cost` tokens. Fails with `rate_limited` and the time until the bucket has as many if it has fewer.
    pub fn take(&mut self, rate: Rate, cost: u32, now: Instant) -> Result<()> {
        let (tokens, cost) = (self.tokens_at(rate, now), f64::from(cost));
        if tokens < cost {
            let wait = Duration::from_secs_f64((cost - tokens) / per_second(rate));
            return Err(Error::new(Code::RateLimited, "Too many requests. Wait before you try again.").after(wait));
        }
        *self = Self { tokens: tokens - cost, filled_at: now };
        Ok(())
    }

    /// Takes `cost` tokens, also those that the bucket does not have. It has none for others until they are back.
    pub fn owe(&mut self, rate: Rate, cost: u32, now: Instant) {
        *self = Self { tokens: self.tokens_at(rate, now) - f64::from(cost), filled_at: now };
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
    state: Mutex<Buckets<K>>,
}

/// The buckets of recent keys. A key without a bucket counts as one with a full bucket.
struct Buckets<K> {
    by_key: HashMap<K, TokenBucket>,
    swept_at: Option<Instant>,
}

impl<K: Hash + Eq> RateLimiter<K> {
    /// Makes a limiter whose buckets are all full.
    pub fn new(rate: Rate) -> Self {
        Self { rate, state: Mutex::new(Buckets { by_key: HashMap::new(), swept_at: None }) }
    }

    /// Takes `cost` tokens from the key's bucket. Fails with `rate_limited` and the time until the bucket has as many if it has fewer.
    pub fn take(&self, key: K, cost: u32, now: Instant) -> Result<()> {
        let mut buckets = self.buckets();
        if let Some(bucket) = buckets.by_key.get_mut(&key) {
            return bucket.take(self.rate, cost, now);
        }
        let mut bucket = TokenBucket::full(self.rate, now);
        bucket.take(self.rate, cost, now)?;
        buckets.evict_full(self.rate, now);
        // When limited keys fill the map, new keys pass: the code behind the limiter has bounds of its own.
        if buckets.by_key.len() < limits::RATE_KEYS_MAX {
            buckets.by_key.insert(key, bucket);
        }
        Ok(())
    }

    /// Takes `cost` tokens from the key's bucket, also those that it does not have, after a call that proved dear. Then even a call without a
    /// cost is refused until the bucket has what it owes.
    pub fn owe(&self, key: &K, cost: u32, now: Instant) {
        if let Some(bucket) = self.buckets().by_key.get_mut(key) {
            bucket.owe(self.rate, cost, now);
        }
    }

    /// Returns a token to the key's bucket after a call that proved harmless.
    pub fn refund(&self, key: &K) {
        if let Some(bucket) = self.buckets().by_key.get_mut(key) {
            bucket.tokens = (bucket.tokens + 1.0).min(f64::from(self.rate.burst));
        }
    }

    fn buckets(&self) -> MutexGuard<'_, Buckets<K>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq> Buckets<K> {
    /// Removes the buckets that are full again. Runs at most once per [`limits::RATE_SWEEP`], since it looks at every bucket.
    fn evict_full(&mut self, rate: Rate, now: Instant) {
        let is_recent = |at| now.saturating_duration_since(at) < limits::RATE_SWEEP;
        if self.by_key.len() < limits::RATE_KEYS_MAX || self.swept_at.is_some_and(is_recent) {
            return;
        }
        self.swept_at = Some(now);
        self.by_key.retain(|_, bucket| bucket.tokens_at(rate, now) < f64::from(rate.burst));
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
        let limiter = RateLimiter::new(Rate { burst: 2, per_minute: 60 });
        let start = Instant::now();
        let take = |key, after_ms| limiter.take(key, 1, start + Duration::from_millis(after_ms));
        assert_eq!((take("a", 0), take("a", 0)), (Ok(()), Ok(())));
        let refused = take("a", 500).expect_err("empty");
        assert_eq!((refused.code, refused.retry_after), (Code::RateLimited, Some(Duration::from_millis(500))));
        assert_eq!((take("b", 500), take("a", 1_100)), (Ok(()), Ok(())));
        assert!(take("a", 1_200).is_err());
    }

    #[test]
    fn a_cost_takes_as_many_tokens() {
        let limiter = RateLimiter::new(Rate { burst: 5, per_minute: 60 });
        let start = Instant::now();
        assert_eq!(limiter.take("a", 3, start), Ok(()));
        let refused = limiter.take("a", 3, start).expect_err("two are left");
        assert_eq!(refused.retry_after, Some(Duration::from_secs(1)));
        assert_eq!(limiter.take("a", 2, start), Ok(()));
        assert!(limiter.take("a", 1, start).is_err());
    }

    #[test]
    fn a_dear_call_is_paid_for_before_the_next_one() {
        let limiter = RateLimiter::new(Rate { burst: 5, per_minute: 60 });
        let start = Instant::now();
        let take = |cost, seconds| limiter.take("a", cost, start + Duration::from_secs(seconds));
        assert_eq!((take(1, 0), take(0, 0)), (Ok(()), Ok(())));
        limiter.owe(&"a", 14, start);
        let refused = take(0, 0).expect_err("it owes ten");
        assert_eq!((refused.code, refused.retry_after), (Code::RateLimited, Some(Duration::from_secs(10))));
        assert!(take(0, 9).is_err());
        assert_eq!((take(0, 10), take(5, 15)), (Ok(()), Ok(())), "it has what it had before");
        assert!(take(1, 15).is_err());
    }

    #[test]
    fn a_bot_with_fifty_sends_a_second_is_never_refused() {
        let (limiter, start) = (RateLimiter::new(limits::WRITES), Instant::now());
        for number in 0..50 * 3_600 {
            assert_eq!(limiter.take("bot", 1, start + number * Duration::from_millis(20)), Ok(()), "send {number}");
        }
    }

    #[test]
    fn a_harmless_call_gets_its_token_back() {
        let limiter = RateLimiter::new(Rate { burst: 1, per_minute: 1 });
        let now = Instant::now();
        for _ in 0..3 {
            assert_eq!(limiter.take("a", 1, now), Ok(()));
            assert!(limiter.take("a", 1, now).is_err());
            limiter.refund(&"a");
        }
    }

    #[test]
    fn keys_are_bounded() {
        let limiter = RateLimiter::new(Rate { burst: 1, per_minute: 1 });
        let start = Instant::now();
        for key in 0..limits::RATE_KEYS_MAX + 10 {
            assert_eq!(limiter.take(key, 1, start), Ok(()));
        }
        assert_eq!(limiter.buckets().by_key.len(), limits::RATE_KEYS_MAX);
        assert!(limiter.take(0, 1, start).is_err(), "limited keys stay limited");
        assert_eq!(limiter.take(limits::RATE_KEYS_MAX, 1, start), Ok(()), "new keys pass");
        let later = start + Duration::from_secs(60);
        assert_eq!(limiter.take(limits::RATE_KEYS_MAX, 1, later), Ok(()));
        assert_eq!(limiter.buckets().by_key.len(), 1, "full buckets are removed");
    }
}

#[cfg(test)]
#[path = "rate_limiter_property_tests.rs"]
mod properties;
