//! Statistics of the responses to sends.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::Entry;

/// The responses to the attempts of a run.
#[derive(Debug, Default)]
pub(crate) struct ResponseStats {
    /// The longest wait for an acknowledgement or a refusal: over REST, and on a WebSocket.
    pub(crate) slowest: [Duration; 2],
    pub(crate) acknowledged: usize,
    /// Refused with a retryable code and a retry hint.
    pub(crate) retryable: usize,
    /// The codes of other refusals.
    pub(crate) untyped: Vec<String>,
    /// Attempts over REST without a response.
    pub(crate) unanswered: usize,
}

/// The codes of refusals that are expected while the store is unavailable.
const RETRYABLE_CODES: [&str; 2] = ["busy", "unavailable"];

impl ResponseStats {
    pub(super) fn of(entries: &[(Instant, Entry)]) -> Self {
        let mut stats = Self::default();
        let mut open: HashMap<Uuid, (Instant, bool)> = HashMap::new();
        for (at, entry) in entries {
            let id = match entry {
                Entry::Sent { id, on, .. } => {
                    // On a WebSocket the answer was lost with the connection.
                    let before = open.insert(*id, (*at, on.is_some()));
                    stats.unanswered += usize::from(before.is_some_and(|(_, on_socket)| !on_socket));
                    continue;
                }
                Entry::Acknowledged { id, .. } => {
                    stats.acknowledged += 1;
                    id
                }
                Entry::Refused { id, code, retry_after_ms: Some(_) } if RETRYABLE_CODES.contains(&code.as_str()) => {
                    stats.retryable += 1;
                    id
                }
                Entry::Refused { id, code, .. } => {
                    stats.untyped.push(code.clone());
                    id
                }
                _ => continue,
            };
            if let Some((sent, on_socket)) = open.remove(id) {
                let slowest = &mut stats.slowest[usize::from(on_socket)];
                *slowest = (*slowest).max(*at - sent);
            }
        }
        stats.unanswered += open.values().filter(|(_, on_socket)| !on_socket).count();
        stats
    }
}

impl fmt::Display for ResponseStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slowest: [rest, socket], acknowledged, retryable, .. } = self;
        write!(
            f,
            "{acknowledged} acknowledged and {retryable} refused with a retry hint, the slowest {rest:.1?} (REST), {socket:.1?} (WebSocket)"
        )
    }
}
