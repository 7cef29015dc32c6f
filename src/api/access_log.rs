//! The log line of every call.

use std::fmt;
use std::net::IpAddr;
use std::time::Instant;

use tracing::{debug, info};

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
