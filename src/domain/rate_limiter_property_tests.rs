//! Rate limiters: they never grant more than the rate, their `retry_after` is enough, and their keys are bounded.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::RateLimiter;
use crate::limits::{self, Rate};

/// The error of floating point.
const TOLERANCE: Duration = Duration::from_micros(1);

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn at_most_the_burst_and_the_refill_are_taken(
        burst in 1_u32..6,
        per_minute in 1_u32..1_000,
        calls in prop::collection::vec((0_u64..2_000, 0_u8..3), 1..60),
    ) {
        let limiter = RateLimiter::new(Rate { burst, per_minute });
        let mut now = Instant::now();
        let mut taken: Vec<(u8, Instant)> = Vec::new();
        for (pause, key) in calls {
            now += Duration::from_millis(pause);
            match limiter.take(key, 1, now) {
                Ok(()) => taken.push((key, now)),
                Err(refused) => {
                    let wait = refused.retry_after.expect("a time to retry");
                    prop_assert!(wait <= Duration::from_secs_f64(60.0 / f64::from(per_minute)) + TOLERANCE);
                    now += wait + TOLERANCE;
                    prop_assert!(limiter.take(key, 1, now).is_ok(), "{wait:?} was enough");
                    taken.push((key, now));
                }
            }
        }
        for (index, (key, first)) in taken.iter().enumerate() {
            let mut count = 0_u32;
            for (_, at) in taken[index..].iter().filter(|(other, _)| other == key) {
                count += 1;
                let refill = (*at - *first).as_secs_f64() * f64::from(per_minute) / 60.0;
                prop_assert!(f64::from(count) <= f64::from(burst) + refill + 1e-3, "{count} since {first:?}");
            }
        }
    }
}

#[test]
fn keys_are_bounded_when_all_are_new() {
    let limiter = RateLimiter::new(Rate { burst: 2, per_minute: 1 });
    let now = Instant::now();
    for key in 0..limits::RATE_KEYS_MAX + 20 {
        assert_eq!(limiter.take(key, 1, now), Ok(()), "new keys pass");
    }
    let keys = || limiter.buckets().by_key.len();
    assert_eq!(keys(), limits::RATE_KEYS_MAX);
    // A key with a bucket stays limited. Its bucket is removed when it is full again.
    assert_eq!(limiter.take(0, 1, now), Ok(()));
    assert!(limiter.take(0, 1, now).is_err());
    assert_eq!(limiter.take(usize::MAX, 1, now + Duration::from_secs(120)), Ok(()));
    assert_eq!(keys(), 1);
}
