//! Rate limits: limit what a user reads and writes, and expensive calls per network.

use std::net::IpAddr;
use std::time::Instant;

use crate::domain::rate_limiter::RateLimiter;
use crate::domain::{Result, SessionId, UserId};
use crate::limits;

/// The rate limits of a node. Each fails with `rate_limited` and the time after which the client can try again.
pub struct RateLimits {
    account_calls: RateLimiter<IpAddr>,
    /// Keyed by network, and by username or, for a change of the password, by the id of the caller, so that a user cannot lock out another
    /// one.
    login_failures: RateLimiter<(IpAddr, String)>,
    writes: RateLimiter<UserId>,
    reads: RateLimiter<UserId>,
    new_members: RateLimiter<UserId>,
    reports: RateLimiter<UserId>,
    refreshes: RateLimiter<SessionId>,
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
            reads: RateLimiter::new(limits::READS),
            new_members: RateLimiter::new(limits::NEW_MEMBERS),
            reports: RateLimiter::new(limits::REPORTS),
            refreshes: RateLimiter::new(limits::REFRESHES),
            unlimited,
        }
    }

    /// Charges a login or a registration to its network.
    pub fn charge_account_call(&self, network: IpAddr) -> Result<()> {
        if self.unlimited { Ok(()) } else { self.account_calls.take(network, 1, Instant::now()) }
    }

    /// Refunds a call that was a right login, so that it costs its network nothing.
    pub fn refund_account_call(&self, network: IpAddr) {
        self.account_calls.refund(&network);
    }

    /// Charges a change to its user.
    pub fn charge_write(&self, user_id: UserId, tokens: u32) -> Result<()> {
        self.charge(&self.writes, user_id, tokens)
    }

    /// Charges a read to its user.
    pub fn charge_read(&self, user_id: UserId, tokens: u32) -> Result<()> {
        self.charge(&self.reads, user_id, tokens)
    }

    /// Charges a refresh to its session. Its token is signed, so that nobody can charge the session of another user.
    pub fn charge_refresh(&self, session_id: SessionId) -> Result<()> {
        if self.unlimited { Ok(()) } else { self.refreshes.take(session_id, 1, Instant::now()) }
    }

    /// Charges a new conversation with this many members to its creator.
    pub fn charge_new_members(&self, user_id: UserId, members: usize) -> Result<()> {
        self.charge(&self.new_members, user_id, u32::try_from(members).unwrap_or(u32::MAX))
    }

    /// Charges a report to its user.
    pub fn charge_report(&self, user_id: UserId) -> Result<()> {
        self.charge(&self.reports, user_id, 1)
    }

    fn charge(&self, limiter: &RateLimiter<UserId>, user_id: UserId, tokens: u32) -> Result<()> {
        if self.unlimited { Ok(()) } else { limiter.take(user_id, tokens, Instant::now()) }
    }

    /// Charges a change of a password to its user and network. It is never refunded, because a caller who knows the password could otherwise
    /// hash without end.
    pub fn charge_password_change(&self, network: IpAddr, user_id: UserId) -> Result<()> {
        if self.unlimited {
            return Ok(());
        }
        self.login_failures.take((network, user_id.to_string()), 1, Instant::now())
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
