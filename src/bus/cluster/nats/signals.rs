//! Signals: what the client of NATS says about its connection, and the packets that were dropped.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use async_nats::{ClientError, Event, Server};
use tokio::sync::Notify;

use super::failures::{Failure, failures, is_about_names};
use crate::limits;

/// The events since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Happened {
    /// The times that the client connected.
    pub(super) connects: u64,
    /// The packets that the client or the queue of this node dropped, because this node did not deliver them in time.
    pub(super) dropped: u64,
}

/// Gathers events of the client.
#[derive(Default)]
pub(super) struct Signals {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    happened: Happened,
    /// The time of the last line in the log that says why NATS does not serve this node. `None` after it connected.
    complained_at: Option<Instant>,
    /// The client tries to connect, and not for the first time since it was connected.
    has_tried: bool,
}

impl Signals {
    /// Records an event. The client drops events while this runs, so it only counts and logs.
    pub(super) fn record(&self, event: &Event) {
        let mut state = self.state();
        match event {
            Event::Connected => {
                tracing::info!("connected to NATS");
                (state.complained_at, state.has_tried) = (None, false);
                state.happened.connects += 1;
            }
            Event::SlowConsumer(_) => state.happened.dropped += 1,
            Event::Disconnected => {
                return tracing::warn!("NATS is away; the events of other nodes come with the next heartbeat");
            }
            Event::ServerError(error) => {
                if state.may_complain() {
                    tracing::warn!(%error, "NATS does not serve this node");
                }
                return;
            }
            Event::ClientError(ClientError::Other(kind)) if is_about_names(kind) => {
                if state.may_complain() {
                    tracing::warn!(
                        reason = "the name of a host in NATS_URL is not found",
                        "NATS does not serve this node"
                    );
                }
                return;
            }
            // After an error of the client the next attempt says more.
            Event::ClientError(_) | Event::LameDuckMode | Event::Draining | Event::Closed => return,
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Records that the client is about to try these servers. Says why the last attempt failed. Errors from before the last connection are old.
    pub(super) fn attempt(&self, servers: &[Server]) {
        let mut state = self.state();
        if !std::mem::replace(&mut state.has_tried, true) {
            return;
        }
        let mut failures = failures(servers).take(limits::NATS_FAILURES_LOGGED).peekable();
        if failures.peek().is_some() && state.may_complain() {
            for Failure { server, reason, error } in failures {
                tracing::warn!(server, reason, error, "NATS does not serve this node");
            }
        }
    }

    /// Records a packet that the queue of this node dropped.
    pub(super) fn dropped(&self) {
        self.state().happened.dropped += 1;
        self.changed.notify_one();
    }

    /// Waits for an event, and takes all.
    pub(super) async fn take(&self) -> Happened {
        self.changed.notified().await;
        std::mem::take(&mut self.state().happened)
    }

    /// A panic under the lock leaves a valid state.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns true if the log may say again why NATS does not serve this node. There is an error for each attempt to connect, and for each packet that
    /// NATS refuses.
    fn may_complain(&mut self) -> bool {
        let now = Instant::now();
        let may = self.complained_at.is_none_or(|at| now.duration_since(at) >= limits::LOG_THROTTLE);
        if may {
            self.complained_at = Some(now);
        }
        may
    }
}
