//! The poll for sessions that ended elsewhere: on another node, or in the database beside the servers.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::delivery::LocalInbox;
use crate::domain::{Result, SessionId, Timestamp};
use crate::limits;
use crate::store::Store;

/// The position before the first session.
const FIRST: SessionId = SessionId(Uuid::nil());

/// Asks the store for sessions that have ended, and ends them on this node: their sockets are closed and their tokens are refused.
///
/// The questions are ranges of an index, however many sessions there are. Thousands can end in one moment, so pages follow each other. The [`Reconciler`](super::Reconciler) compares the sessions of
/// all connections too, but only once a heartbeat.
pub struct EndedSessionsPoll {
    store: Arc<dyn Store>,
    inbox: Arc<LocalInbox>,
    /// The sessions of the last answers. The next ones repeat most of them.
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
        let mut after = (Timestamp::now().minus(limits::ENDED_SESSIONS_WINDOW), FIRST);
        let mut all = HashSet::new();
        for _ in 0..limits::ENDED_SESSIONS_PAGES_MAX {
            let page = self.store.ended_sessions(after, limits::RECONCILE_PAGE).await?;
            let new: Vec<SessionId> = page.iter().map(|(_, id)| *id).filter(|id| !self.known.contains(id)).collect();
            if !new.is_empty() {
                self.inbox.end_sessions(&new);
            }
            all.extend(page.iter().map(|(_, id)| *id));
            match page.last() {
                Some(last) if page.len() >= limits::RECONCILE_PAGE => after = *last,
                _ => break,
            }
        }
        self.known = all;
        Ok(())
    }
}
