//! Checks an access token.

use std::hint::black_box;
use std::time::Duration;

use chinwag::auth::Tokens;
use chinwag::domain::{SessionId, Timestamp, UserId};
use criterion::Criterion;
use ring::hmac;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// Measures the check of signature, claims and expiry, which every request needs. The check of the session is not included.
/// `hmac alone` is the part that no check can avoid.
pub(crate) fn bench(criterion: &mut Criterion) {
    let tokens = Tokens::new(SECRET, Duration::from_secs(3600));
    let token = tokens.access(UserId::new(), SessionId::new(), Timestamp::now()).unwrap();
    let signed = token.rsplit_once('.').unwrap().0;
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    let mut group = criterion.benchmark_group("tokens");
    group.bench_function("check", |bencher| bencher.iter(|| tokens.caller(black_box(&token)).unwrap()));
    group.bench_function("hmac alone", |bencher| bencher.iter(|| hmac::sign(&key, black_box(signed.as_bytes()))));
    group.finish();
}
