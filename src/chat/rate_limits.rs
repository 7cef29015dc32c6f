//! Rate limits: of writes by user, of expensive calls by network.

use std::net::IpAddr;
use std::time::Instant;

use crate::domain::rate_limiter::RateLimiter;
use crate::domain::{Result, UserId};
use crate::limits;

/// The rate limits of a node. Each says `rate_limited`, and when to come back.
pub struct RateLimits {
    account_calls: RateLimiter<IpAddr>,
    /// By network and username, or the account of who is logged in, so that nobody can lock another user out.
    login_failures: RateLimiter<(IpAddr, String)>,
    writes: RateLimiter<UserId>,
    /// Lifts all of them (load tests).
    unlimited: bool,
}

impl RateLimits {
    /// Full buckets.
    pub fn new(unlimited: bool) -> Self {
        Self {
            account_calls: RateLimiter::new(limits::ACCOUNT_CALLS),
            login_failures: RateLimiter::new(limits::LOGIN_FAILURES),
            writes: RateLimiter::new(limits::WRITES),
            unlimited,
        }
    }

    /// Charges a login or a registration to a network.
    pub fn charge_account_call(&self, network: IpAddr) -> Result<()> {
        if self.unlimited { Ok(()) } else { self.account_calls.take(network, Instant::now()) }
    }

    /// Charges a write to its user.
    pub fn charge_write(&self, user_id: UserId) -> Result<()> {
        if self.unlimited { Ok(()) } else { self.writes.take(user_id, Instant::now()) }
    }

    /// Runs a comparison of a password. Its attempt is charged before, so that many guesses at once are limited as many in a row are,
    /// and given back unless `is_wrong` says that the password was.
    pub async fn guess<T>(
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
        self.login_failures.take(attempt.clone(), Instant::now())?;
        let outcome = compare.await;
        if !outcome.as_ref().is_err_and(is_wrong) {
            self.login_failures.refund(&attempt);
        }
        outcome
    }
}
