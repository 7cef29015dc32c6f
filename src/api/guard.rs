//! What every call goes through, whatever it calls: a panic guard, and a line in the log.

use std::any::Any;
use std::fmt;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use futures_util::FutureExt;
use tracing::{debug, info};

use crate::domain::{Error, Result};

/// DeliveryGuards a panic into an error: a defect costs one call, not the connection. Nothing shared is left half changed, since locks are
/// recovered where they are taken.
pub async fn catch_panic<T>(work: impl Future<Output = T>) -> Result<T> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|panic| Error::internal(message(panic.as_ref())))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("without a message"))
}

/// Logs a call that was answered: its method and path, or over WebSocket its frame and operation. `is_probe` logs at `debug`.
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
