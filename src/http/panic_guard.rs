//! The panic guard: a defect costs one request, not the connection.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

use super::chain::Next;
use super::error;
use super::request::Request;
use crate::domain::Error;
use crate::transport::Response;

/// Answers 500 if what comes next panics. Nothing shared is left half changed: locks are recovered where they are taken.
pub(super) async fn middleware(request: Request, next: Next) -> Response {
    let id = request.id.clone();
    let outcome = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    outcome.unwrap_or_else(|panic| error::problem(&Error::internal(message(panic.as_ref())), &id))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("without a message"))
}
