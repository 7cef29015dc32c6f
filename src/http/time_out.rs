//! A bound on how long a request takes.

use tokio::time::timeout;

use super::chain::Next;
use super::error;
use super::request::{Request, Response};
use crate::domain::Error;
use crate::limits;

/// Answers `unavailable` if what comes next takes longer than anything it may wait for.
pub(super) async fn middleware(request: Request, next: Next) -> Response {
    let id = request.id.clone();
    let answered = timeout(limits::REQUEST_TIMEOUT, next.run(request)).await;
    answered.unwrap_or_else(|_| error::response(&Error::unavailable("a request took too long"), &id))
}
