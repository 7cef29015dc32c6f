//! Last seen: writes the times at which users went offline to the store, in the background.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::ignore_defect;
use crate::domain::{Result, Timestamp, UserId};
use crate::journal::Backoff;
use crate::limits;
use crate::store::Store;

/// Writes times to the store, and tries again until the store has them.
pub(super) struct LastSeen {
    store: Arc<dyn Store>,
    state: watch::Sender<State>,
}

#[derive(Default)]
struct State {
    /// The newest time of each user. Bounded by the number of users.
    unwritten: HashMap<UserId, Timestamp>,
    /// The last write failed.
    is_failing: bool,
}

impl LastSeen {
    pub(super) fn new(store: &Arc<dyn Store>) -> Self {
        Self { store: Arc::clone(store), state: watch::Sender::default() }
    }

    /// Adds users who went offline, each with the time.
    pub(super) fn record(&self, ends: Vec<(UserId, Timestamp)>) {
        if !ends.is_empty() {
            self.state.send_modify(|state| {
                for (user_id, at) in ends {
                    let newest = state.unwritten.entry(user_id).or_insert(at);
                    *newest = at.max(*newest);
                }
            });
        }
    }

    /// Waits until the times are written, so that a client that sees a user go offline finds the time. Waits for at most
    /// [`limits::LAST_SEEN_WAIT`], and not for a store that fails.
    pub(super) async fn settled(&self) {
        let mut state = self.state.subscribe();
        let settled = state.wait_for(|state| state.unwritten.is_empty() || state.is_failing);
        let _ = timeout(limits::LAST_SEEN_WAIT, settled).await;
    }

    /// Writes times until `stop`, and then those that are left. Gives up on a write that fails after `stop`.
    pub(super) async fn run(&self, stop: CancellationToken) {
        let (mut state, mut backoff) = (self.state.subscribe(), Backoff::up_to(limits::RECONCILE_RETRY_PAUSE));
        loop {
            tokio::select! {
                biased;
                _ = state.wait_for(|state| !state.unwritten.is_empty()) => {}
                () = stop.cancelled() => return,
            }
            match self.write().await {
                Ok(()) => _ = backoff.reset(),
                Err(error) => {
                    tracing::debug!(%error, "times of last_seen_at are not written yet");
                    self.state.send_modify(|state| state.is_failing = true);
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = backoff.pause() => {}
                    }
                }
            }
        }
    }

    async fn write(&self) -> Result<()> {
        let mut by_time: BTreeMap<Timestamp, Vec<UserId>> = BTreeMap::new();
        for (user_id, at) in &self.state.borrow().unwritten {
            by_time.entry(*at).or_default().push(*user_id);
        }
        for (at, users) in by_time {
            for page in users.chunks(limits::RECONCILE_PAGE) {
                ignore_defect(self.store.set_last_seen(page, at).await)?;
                self.state.send_modify(|state| {
                    state.is_failing = false;
                    for user_id in page {
                        if state.unwritten.get(user_id) == Some(&at) {
                            state.unwritten.remove(user_id);
                        }
                    }
                });
            }
        }
        Ok(())
    }
}
