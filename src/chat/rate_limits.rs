//! Rate limits: limit what a user reads and writes, and expensive calls per network.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::Instant;

use crate::domain::network::network_of;
use crate::domain::rate_limiter::RateLimiter;
use crate::domain::{Error, Result, SessionId, UserId};
use crate::limits;

/// The rate limits of a node. Each fails with `rate_limited` and the time after which the client can try again.
pub struct RateLimits {
    account_calls: RateLimiter<IpAddr>,
    /// The wider networks of IPv6 addresses, by their bits.
    account_calls_of_many: [(u32, RateLimiter<IpAddr>); 2],
    /// Keyed by network, and by username or, for a change of the password, by the id of the caller, so that a user cannot lock out another
    /// one.
    login_failures: RateLimiter<(IpAddr, u64)>,
    /// Keyed by username. Counts the guesses from all networks.
    login_failures_elsewhere: RateLimiter<u64>,
    /// Hashes what clients give as a username, so that a key is small however long the text is.
    hasher: RandomState,
    writes: RateLimiter<UserId>,
    reads: RateLimiter<UserId>,
    receipts: RateLimiter<UserId>,
    new_members: RateLimiter<UserId>,
    reports: RateLimiter<UserId>,
    reactions: RateLimiter<UserId>,
    refreshes: RateLimiter<SessionId>,
    /// Lifts all limits, for load tests.
    unlimited: bool,
}

impl RateLimits {
    /// Returns rate limits with full buckets.
    pub fn new(unlimited: bool) -> Self {
        Self {
            account_calls: RateLimiter::new(limits::ACCOUNT_CALLS),
            account_calls_of_many: [
                (56, RateLimiter::new(limits::ACCOUNT_CALLS_OF_56_BITS)),
                (48, RateLimiter::new(limits::ACCOUNT_CALLS_OF_48_BITS)),
            ],
            login_failures: RateLimiter::new(limits::LOGIN_FAILURES),
            login_failures_elsewhere: RateLimiter::new(limits::LOGIN_FAILURES_ELSEWHERE),
            hasher: RandomState::new(),
            writes: RateLimiter::new(limits::WRITES),
            reads: RateLimiter::new(limits::READS),
            receipts: RateLimiter::new(limits::RECEIPTS),
            new_members: RateLimiter::new(limits::NEW_MEMBERS),
            reports: RateLimiter::new(limits::REPORTS),
            reactions: RateLimiter::new(limits::REACTIONS),
            refreshes: RateLimiter::new(limits::REFRESHES),
            unlimited,
        }
    }

    /// Charges a login or a registration to its network, and an IPv6 network to the wider ones that it is in. A call that is refused by one
    /// of them costs the others nothing.
    pub fn charge_account_call(&self, network: IpAddr) -> Result<()> {
        if self.unlimited {
            return Ok(());
        }
        let now = Instant::now();
        let mut charged: Vec<(&RateLimiter<IpAddr>, IpAddr)> = Vec::new();
        for (limiter, network) in self.account_limiters(network) {
            if let Err(refused) = limiter.take(network, 1, now) {
                for (limiter, network) in charged {
                    limiter.refund(&network);
                }
                return Err(refused);
            }
            charged.push((limiter, network));
        }
        Ok(())
    }

    /// Refunds a call that was a right login, so that it costs its network nothing.
    pub fn refund_account_call(&self, network: IpAddr) {
        for (limiter, network) in self.account_limiters(network) {
            limiter.refund(&network);
        }
    }

    /// Returns the limiters of account calls of a network, each with its key.
    fn account_limiters(&self, network: IpAddr) -> impl Iterator<Item = (&RateLimiter<IpAddr>, IpAddr)> {
        let wider = self.account_calls_of_many.iter().filter(move |_| network.is_ipv6());
        let wider = wider.map(move |(bits, limiter)| (limiter, network_of(network, u32::BITS, *bits)));
        std::iter::once((&self.account_calls, network)).chain(wider)
    }

    /// Charges a change to its user.
    pub fn charge_write(&self, user_id: UserId, tokens: u32) -> Result<()> {
        self.charge(&self.writes, user_id, tokens)
    }

    /// Charges a read to its user.
    pub fn charge_read(&self, user_id: UserId, tokens: u32) -> Result<()> {
        self.charge(&self.reads, user_id, tokens)
    }

    /// Fails if the user's reads cost more than they could pay. A call that waited is checked again before it reads, since those before it may
    /// have been dear.
    pub fn check_reads(&self, user_id: UserId) -> Result<()> {
        self.charge_read(user_id, 0)
    }

    /// Charges a read that proved dear to its user, who can read again when it is paid for.
    pub fn charge_dear_read(&self, user_id: UserId, tokens: usize) {
        if !self.unlimited && tokens > 0 {
            self.reads.owe(&user_id, u32::try_from(tokens).unwrap_or(u32::MAX), Instant::now());
        }
    }

    /// Charges a receipt to its user.
    pub fn charge_receipt(&self, user_id: UserId, tokens: u32) -> Result<()> {
        self.charge(&self.receipts, user_id, tokens)
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

    /// Charges a reaction to its user.
    pub fn charge_reaction(&self, user_id: UserId) -> Result<()> {
        self.charge(&self.reactions, user_id, 1)
    }

    fn charge(&self, limiter: &RateLimiter<UserId>, user_id: UserId, tokens: u32) -> Result<()> {
        if self.unlimited { Ok(()) } else { limiter.take(user_id, tokens, Instant::now()) }
    }

    /// Charges a comparison of a password for a change of it, or for the deletion of the account, to its user and network, and to its user
    /// over all networks. It is never refunded, because a caller who knows the password could otherwise hash without end.
    pub fn charge_password_change(&self, network: IpAddr, user_id: UserId) -> Result<()> {
        if self.unlimited {
            return Ok(());
        }
        let now = Instant::now();
        self.login_failures.take((network, self.hasher.hash_one(user_id)), 1, now)?;
        // Not the bucket of logins: whoever guesses there keeps nobody from a change.
        self.login_failures_elsewhere.take(self.hasher.hash_one(("change", user_id)), 1, now)
    }

    /// Runs a comparison of a password. The attempt is charged before, so that parallel guesses are limited as sequential ones are. It is
    /// refunded unless `is_wrong` returns true for the error.
    ///
    /// An attempt is charged to its network and, together with those from everywhere, to the account. If too many passwords of the account were
    /// wrong, it is refused unless `is_known` returns true: the user has logged in from this network before. Usernames that nobody has
    /// are charged alike, so that a refusal does not tell whether an account exists.
    pub async fn limit_password_guesses<T>(
        &self,
        network: IpAddr,
        account: &str,
        is_known: impl Future<Output = Result<bool>>,
        is_wrong: impl Fn(&Error) -> bool,
        compare: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        if self.unlimited {
            return compare.await;
        }
        let (account, now) = (self.hasher.hash_one(account), Instant::now());
        let attempt = (network, account);
        self.login_failures.take(attempt, 1, now)?;
        let charged = self.login_failures_elsewhere.take(account, 1, now);
        let is_charged = charged.is_ok();
        let outcome = match charged {
            Ok(()) => compare.await,
            Err(refused) => match is_known.await {
                Ok(true) => compare.await,
                Ok(false) => Err(refused),
                Err(error) => Err(error),
            },
        };
        if !outcome.as_ref().is_err_and(is_wrong) {
            self.login_failures.refund(&attempt);
            if is_charged {
                self.login_failures_elsewhere.refund(&account);
            }
        }
        outcome
    }
}
