//! How long senders waited for their answers.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::Entry;

/// How the tries of a run were answered.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// The longest that anybody waited for an acknowledgement or a refusal: over REST, and on a WebSocket.
    pub(crate) slowest: [Duration; 2],
    pub(crate) acknowledged: usize,
    /// Refused for the moment, with a hint when to come back.
    pub(crate) told: usize,
    /// Refused in another way: these codes.
    pub(crate) untyped: Vec<String>,
    /// Tries over REST that got no answer at all.
    pub(crate) unanswered: usize,
}

/// What a client may be told while the store is in trouble.
const TOLD: [&str; 2] = ["busy", "unavailable"];

impl Answers {
    pub(super) fn of(entries: &[(Instant, Entry)]) -> Self {
        let mut answers = Self::default();
        let mut open: HashMap<Uuid, (Instant, bool)> = HashMap::new();
        for (at, entry) in entries {
            let id = match entry {
                Entry::Sent { id, on, .. } => {
                    // On a WebSocket the answer went with the connection.
                    let before = open.insert(*id, (*at, on.is_some()));
                    answers.unanswered += usize::from(before.is_some_and(|(_, on_socket)| !on_socket));
                    continue;
                }
                Entry::Acknowledged { id, .. } => {
                    answers.acknowledged += 1;
                    id
                }
                Entry::Refused { id, code, retry_after_ms: Some(_) } if TOLD.contains(&code.as_str()) => {
                    answers.told += 1;
                    id
                }
                Entry::Refused { id, code, .. } => {
                    answers.untyped.push(code.clone());
                    id
                }
                _ => continue,
            };
            if let Some((sent, on_socket)) = open.remove(id) {
                let slowest = &mut answers.slowest[usize::from(on_socket)];
                *slowest = (*slowest).max(*at - sent);
            }
        }
        answers.unanswered += open.values().filter(|(_, on_socket)| !on_socket).count();
        answers
    }
}

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slowest: [rest, socket], acknowledged, told, .. } = self;
        write!(
            f,
            "{acknowledged} answers yes and {told} told to come back, the slowest {rest:.1?} (REST), {socket:.1?} (WebSocket)"
        )
    }
}
