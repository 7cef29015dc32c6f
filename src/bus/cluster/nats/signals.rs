//! Signals: what the client of NATS says about its connection, and the packets that were dropped.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use async_nats::Event;
use tokio::sync::Notify;

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
}

impl Signals {
    /// Records an event. The client drops events while this runs, so it only counts and logs.
    pub(super) fn record(&self, event: &Event) {
        let mut state = self.state();
        match event {
            Event::Connected => {
                tracing::info!("connected to NATS");
                state.complained_at = None;
                state.happened.connects += 1;
            }
            Event::SlowConsumer(_) => state.happened.dropped += 1,
            Event::Disconnected => {
                return tracing::warn!("NATS is away; the events of other nodes come with the next heartbeat");
            }
            Event::ServerError(error) => return state.complain(error),
            Event::ClientError(error) => return state.complain(error),
            Event::LameDuckMode | Event::Draining | Event::Closed => return,
        }
        drop(state);
        self.changed.notify_one();
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
    /// Logs an error. There is one for each attempt to connect, and for each packet that NATS refuses.
    fn complain(&mut self, error: &impl std::fmt::Display) {
        let now = Instant::now();
        if self.complained_at.is_none_or(|at| now.duration_since(at) >= limits::LOG_THROTTLE) {
            self.complained_at = Some(now);
            tracing::warn!(%error, "NATS does not serve this node");
        }
    }
}
