//! Rate limits for what costs much.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Instant;

use super::chain::Next;
use super::error;
use super::request::{Request, Response};
use super::routes::Access;
use crate::domain::bucket::Buckets;
use crate::limits;

/// On limited routes, refuses addresses that come too often.
pub(super) async fn middleware(request: Request, next: Next) -> Response {
    if request.route.as_ref().is_ok_and(|found| found.route.access == Access::Limited)
        && let Some(limits) = &request.site.rate_limits
        && let Err(refused) = limits.account_calls.take(network(request.address), Instant::now())
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
