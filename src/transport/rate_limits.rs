//! Rate limits of expensive calls, by address.

use std::net::IpAddr;

use crate::domain::bucket::Buckets;
use crate::limits;

/// The rate limits that count failures and expensive calls by address.
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
