//! Rate limits: token buckets by a key, for what costs much.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::chain::Next;
use super::error;
use super::request::{Request, Response};
use super::routes::Access;
use crate::domain::{Code, Error, Result};
use crate::limits::{self, Rate};

/// On limited routes, refuses addresses that come too often.
pub(super) async fn middleware(request: Request, next: Next) -> Response {
    if request.route.as_ref().is_ok_and(|found| found.route.access == Access::Limited)
        && let Some(limits) = &request.site.rate_limits
        && let Err(refused) = limits.account_calls.take(network(request.address))
    {
        return error::response(&refused, &request.id);
    }
    next.run(request).await
}

/// The limits of a site.
pub struct RateLimits {
    /// Logins and registrations of an address.
    pub account_calls: Buckets<IpAddr>,
    /// Wrong passwords of an address for a username, or for the account of who is logged in. (By both, so that nobody can lock somebody else out.)
    pub login_failures: Buckets<(IpAddr, String)>,
}

impl Default for RateLimits {
    fn default() -> Self {
        let account_calls = Buckets::new(limits::ACCOUNT_CALLS);
        Self { account_calls, login_failures: Buckets::new(limits::LOGIN_FAILURES) }
    }
}

/// What one party is assumed to have: an IPv4 address, or the first 64 bits of an IPv6 address.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

/// A token bucket for each key.
pub struct Buckets<K> {
    rate: Rate,
    buckets: Mutex<HashMap<K, Bucket>>,
}

struct Bucket {
    tokens: f64,
    filled_at: Instant,
}

impl<K: Hash + Eq> Buckets<K> {
    /// Full buckets.
    pub fn new(rate: Rate) -> Self {
        Self { rate, buckets: Mutex::default() }
    }

    /// Takes a token: `rate_limited`, with when the next one comes, if there is none.
    pub fn take(&self, key: K) -> Result<()> {
        self.take_at(key, Instant::now())
    }

    /// Gives a token back that was taken for what turned out to be harmless.
    pub fn give_back(&self, key: &K) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get_mut(key) {
            bucket.tokens = (bucket.tokens + 1.0).min(f64::from(self.rate.burst));
        }
    }

    fn take_at(&self, key: K, now: Instant) -> Result<()> {
        let (burst, per_second) = (f64::from(self.rate.burst), f64::from(self.rate.per_minute) / 60.0);
        let fill = |bucket: &Bucket| {
            let seconds = now.saturating_duration_since(bucket.filled_at).as_secs_f64();
            (bucket.tokens + seconds * per_second).min(burst)
        };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= limits::RATE_KEYS {
            buckets.retain(|_, bucket| fill(bucket) < burst);
        }
        let tokens = buckets.get(&key).map_or(burst, fill);
        if tokens < 1.0 {
            let wait = Duration::from_secs_f64((1.0 - tokens) / per_second);
            return Err(Error::new(Code::RateLimited, "Too many attempts; wait a little.").after(wait));
        }
        // With every place taken by somebody who is limited, newcomers pass: the password gate still bounds the work.
        if buckets.len() < limits::RATE_KEYS || buckets.contains_key(&key) {
            buckets.insert(key, Bucket { tokens: tokens - 1.0, filled_at: now });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Buckets;
    use crate::domain::Code;
    use crate::limits::Rate;

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let buckets = Buckets::new(Rate { burst: 2, per_minute: 60 });
        let start = Instant::now();
        let take = |key, after_ms| buckets.take_at(key, start + Duration::from_millis(after_ms));
        assert_eq!((take("a", 0), take("a", 0)), (Ok(()), Ok(())));
        let refused = take("a", 500).expect_err("empty");
        assert_eq!((refused.code, refused.retry_after), (Code::RateLimited, Some(Duration::from_millis(500))));
        assert_eq!((take("b", 500), take("a", 1_100)), (Ok(()), Ok(())));
        assert!(take("a", 1_200).is_err());
    }

    #[test]
    fn what_was_harmless_is_given_back() {
        let buckets = Buckets::new(Rate { burst: 1, per_minute: 1 });
        for _ in 0..3 {
            assert_eq!(buckets.take("a"), Ok(()));
            assert!(buckets.take("a").is_err());
            buckets.give_back(&"a");
        }
    }
}

#[cfg(test)]
#[path = "rate_limit_property_tests.rs"]
mod properties;
