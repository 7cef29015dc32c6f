//! The panic guard of every call.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use crate::domain::{Error, Result};
use futures_util::FutureExt;

/// Turns a panic into an `internal` error, so that a defect fails one call and not the connection. Shared state stays usable, because locks
/// are recovered where they are taken.
pub async fn catch_panic<T>(work: impl Future<Output = T>) -> Result<T> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|panic| Error::internal(panic_text(panic.as_ref())))
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("without a text"))
}
