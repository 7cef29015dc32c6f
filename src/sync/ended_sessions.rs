//! The poll for sessions that ended elsewhere: on another node, or in the database beside the servers.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::delivery::LocalInbox;
use crate::domain::{Result, SessionId, Timestamp};
use crate::limits;
use crate::store::Store;

/// Asks the store for sessions that have ended, and ends them on this node: their sockets are closed and their tokens are refused.
///
/// The question is one range of an index, however many sessions there are. The [`Reconciler`](super::Reconciler) compares the sessions of
/// all connections too, but only once a heartbeat.
pub struct EndedSessionsPoll {
    store: Arc<dyn Store>,
    inbox: Arc<LocalInbox>,
    /// The sessions of the last answer. The next one repeats most of them.
    known: HashSet<SessionId>,
}

impl EndedSessionsPoll {
    /// Returns a poll that has not asked yet.
    pub fn new(store: &Arc<dyn Store>, inbox: &Arc<LocalInbox>) -> Self {
        Self { store: Arc::clone(store), inbox: Arc::clone(inbox), known: HashSet::new() }
    }

    /// Asks once every [`limits::ENDED_SESSIONS_POLL`], until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut ticks = interval(limits::ENDED_SESSIONS_POLL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let asked = async {
                ticks.tick().await;
                self.ask().await
            };
            tokio::select! {
                () = stop.cancelled() => return,
                // The store has logged its failure. The next answer covers the same time.
                _ = asked => {}
            }
        }
    }

    async fn ask(&mut self) -> Result<()> {
        let since = Timestamp::now().minus(limits::ENDED_SESSIONS_WINDOW);
        let ended = self.store.ended_sessions(since, limits::RECONCILE_PAGE).await?;
        let new: Vec<SessionId> = ended.iter().copied().filter(|id| !self.known.contains(id)).collect();
        if !new.is_empty() {
            self.inbox.end_sessions(&new);
        }
        self.known = ended.into_iter().collect();
        Ok(())
    }
}
