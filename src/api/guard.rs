//! The panic guard and the log line of every call.

use std::any::Any;
use std::fmt;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use futures_util::FutureExt;
use tracing::{debug, info};

use crate::domain::{Error, Result};

/// Turns a panic into an `internal` error, so that a defect fails one call and not the connection. Shared state stays usable, because locks
/// are recovered where they are taken.
pub async fn catch_panic<T>(work: impl Future<Output = T>) -> Result<T> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|panic| Error::internal(panic_text(panic.as_ref())))
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("without a text"))
}

/// Logs an answered call with its method and path, or with `WS` and its operation. Logs at `debug` if `is_probe` is true.
pub fn log_request(
    method: impl fmt::Display,
    path: &str,
    status: u16,
    started: Instant,
    request_id: &str,
    address: IpAddr,
    is_probe: bool,
) {
    let ms = (started.elapsed().as_secs_f64() * 100_000.0).round() / 100.0;
    if is_probe {
        debug!(%method, path, status, ms, request_id, %address, "request");
    } else {
        info!(%method, path, status, ms, request_id, %address, "request");
    }
}
