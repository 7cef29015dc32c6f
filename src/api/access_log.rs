//! The log line of every call.

use std::net::IpAddr;
use std::time::Instant;

use tracing::{debug, info};

use super::refusal_log::RefusalLog;
use crate::limits;

/// An answered call, for its log line. A client chooses its texts, so the log has the start of each only.
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct AnsweredCall<'a> {
    /// The method of HTTP, or `WS`.
    pub method: &'a str,
    /// The path, or the name of the operation.
    pub path: &'a str,
    pub status: u16,
    pub started: Instant,
    pub request_id: &'a str,
    pub address: IpAddr,
    /// The client's network. Its refusals are counted together.
    pub network: IpAddr,
    /// The page's origin, if that can be the reason of a refusal.
    pub origin: Option<&'a str>,
    /// The host that the origin is compared with.
    pub host: Option<&'a str>,
    /// Logged at `debug` only.
    pub is_quiet: bool,
}

/// Logs an answered call, unless it is one of many that were refused.
pub fn log_call(call: &AnsweredCall<'_>, refusals: &RefusalLog) {
    let AnsweredCall { status, request_id, address, is_quiet, .. } = *call;
    if !is_refused(status) {
        refusals.report_ended();
    } else if !refusals.admit(status, call.network) {
        return;
    }
    let (method, path) = (start(call.method), start(call.path));
    let (origin, host) = (call.origin.map(start), call.host.map(start));
    let ms = (call.started.elapsed().as_secs_f64() * 100_000.0).round() / 100.0;
    if is_quiet {
        debug!(method, path, status, ms, request_id, %address, "request");
    } else {
        info!(method, path, status, ms, request_id, %address, origin, host, "request");
    }
}

/// Returns true if the client, or the load, is the reason of a status. Every defect of the server is logged.
fn is_refused(status: u16) -> bool {
    matches!(status, 400..500 | 503)
}

/// Returns the first [`limits::LOGGED_BYTES_MAX`] of a text, without half a character at the end.
fn start(text: &str) -> &str {
    let end = (0..=text.len().min(limits::LOGGED_BYTES_MAX)).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::start;
    use crate::limits::LOGGED_BYTES_MAX;

    #[test]
    fn a_long_text_is_cut_between_two_characters() {
        let exact = "x".repeat(LOGGED_BYTES_MAX);
        assert_eq!(start("/livez"), "/livez");
        assert_eq!(start(&exact), exact);
        assert_eq!(start(&format!("{exact}x")), exact);
        let odd = format!("x{}", "é".repeat(LOGGED_BYTES_MAX));
        assert_eq!(start(&odd).len(), LOGGED_BYTES_MAX - 1);
    }
}
