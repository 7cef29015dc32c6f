//! Rate limits of expensive routes.

use std::time::Instant;

use super::chain::Next;
use super::error;
use super::request::Request;
use super::routes::Access;
use crate::transport::{Response, network};

/// Refuses addresses that call limited routes too often.
pub(super) async fn middleware(request: Request, next: Next) -> Response {
    if request.route.as_ref().is_ok_and(|found| found.route.access == Access::Limited)
        && let Some(limits) = &request.state.rate_limits
        && let Err(refused) = limits.account_calls.take(network(request.address), Instant::now())
    {
        return error::problem(&refused, &request.id);
    }
    next.run(request).await
}
