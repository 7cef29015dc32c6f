//! Rate limits: limit writes per user, and expensive calls per network.

use std::net::IpAddr;
use std::time::Instant;

use crate::domain::rate_limiter::RateLimiter;
use crate::domain::{Result, UserId};
use crate::limits;

/// The rate limits of a node. Each fails with `rate_limited` and the time after which the client can try again.
pub struct RateLimits {
    account_calls: RateLimiter<IpAddr>,
    /// Keyed by network, and by username or by the id of the caller, so that a user cannot lock out another one.
    login_failures: RateLimiter<(IpAddr, String)>,
    writes: RateLimiter<UserId>,
    /// Lifts all limits, for load tests.
    unlimited: bool,
}

impl RateLimits {
    /// Returns rate limits with full buckets.
    pub fn new(unlimited: bool) -> Self {
        Self {
            account_calls: RateLimiter::new(limits::ACCOUNT_CALLS),
            login_failures: RateLimiter::new(limits::LOGIN_FAILURES),
            writes: RateLimiter::new(limits::WRITES),
            unlimited,
        }
    }

    /// Charges a login or a registration to its network.
    pub fn charge_account_call(&self, network: IpAddr) -> Result<()> {
        if self.unlimited { Ok(()) } else { self.account_calls.take(network, 1, Instant::now()) }
    }

    /// Charges a call to its user. `cost` is in tokens, at most the burst of [`limits::WRITES`].
    pub fn charge_user(&self, user_id: UserId, cost: u32) -> Result<()> {
        if self.unlimited || cost == 0 { Ok(()) } else { self.writes.take(user_id, cost, Instant::now()) }
    }

    /// Runs a comparison of a password. The attempt is charged before, so that parallel guesses are limited as sequential ones are. It is
    /// refunded unless `is_wrong` returns true for the error.
    pub async fn limit_password_guesses<T>(
        &self,
        network: IpAddr,
        account: String,
        is_wrong: impl Fn(&crate::domain::Error) -> bool,
        compare: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        if self.unlimited {
            return compare.await;
        }
        let attempt = (network, account);
        self.login_failures.take(attempt.clone(), 1, Instant::now())?;
        let outcome = compare.await;
        if !outcome.as_ref().is_err_and(is_wrong) {
            self.login_failures.refund(&attempt);
        }
        outcome
    }
}
