//! Token buckets: never more than promised, never kept waiting longer than told, never more keys than fit.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::RateLimiter;
use crate::limits::{self, Rate};

/// What floating point may lose.
const GRAIN: Duration = Duration::from_micros(1);

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn never_more_than_the_burst_and_what_came_back(
        burst in 1_u32..6,
        per_minute in 1_u32..1_000,
        calls in prop::collection::vec((0_u64..2_000, 0_u8..3), 1..60),
    ) {
        let buckets = RateLimiter::new(Rate { burst, per_minute });
        let mut now = Instant::now();
        let mut taken: Vec<(u8, Instant)> = Vec::new();
        for (pause, key) in calls {
            now += Duration::from_millis(pause);
            match buckets.take(key, now) {
                Ok(()) => taken.push((key, now)),
                Err(refused) => {
                    let wait = refused.retry_after.expect("when to come back");
                    prop_assert!(wait <= Duration::from_secs_f64(60.0 / f64::from(per_minute)) + GRAIN);
                    now += wait + GRAIN;
                    prop_assert!(buckets.take(key, now).is_ok(), "{wait:?} was enough");
                    taken.push((key, now));
                }
            }
        }
        for (index, (key, first)) in taken.iter().enumerate() {
            let mut count = 0_u32;
            for (_, at) in taken[index..].iter().filter(|(other, _)| other == key) {
                count += 1;
                let came_back = (*at - *first).as_secs_f64() * f64::from(per_minute) / 60.0;
                prop_assert!(f64::from(count) <= f64::from(burst) + came_back + 1e-3, "{count} since {first:?}");
            }
        }
    }
}

#[test]
fn keys_are_bounded_whoever_comes() {
    let buckets = RateLimiter::new(Rate { burst: 2, per_minute: 1 });
    let now = Instant::now();
    for key in 0..limits::RATE_KEYS_MAX + 20 {
        assert_eq!(buckets.take(key, now), Ok(()), "newcomers pass");
    }
    let keys = || buckets.known().buckets.len();
    assert_eq!(keys(), limits::RATE_KEYS_MAX);
    // Whoever is remembered stays limited, and is forgotten when their bucket is full again.
    assert_eq!(buckets.take(0, now), Ok(()));
    assert!(buckets.take(0, now).is_err());
    assert_eq!(buckets.take(usize::MAX, now + Duration::from_secs(120)), Ok(()));
    assert_eq!(keys(), 1);
}
