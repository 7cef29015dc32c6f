//! The poll for messages that operators removed elsewhere: on another node, or in the database beside the servers.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::delivery::RepairQueue;
use crate::domain::{ConversationId, MessageId, Result, Timestamp};
use crate::limits;
use crate::store::Store;

/// Asks the store for removals, and requests a repair of their conversations, which delivers the events that this node lacks.
///
/// A removal is a numbered event like any other, so the [`Reconciler`](super::Reconciler) would find it too, but only once a heartbeat.
pub struct RemovalsPoll {
    store: Arc<dyn Store>,
    repair_queue: Arc<RepairQueue>,
    /// The removals of the last answer. The next one repeats most of them.
    known: HashSet<(ConversationId, MessageId)>,
}

impl RemovalsPoll {
    /// Returns a poll that has not asked yet.
    pub fn new(store: &Arc<dyn Store>, repair_queue: &Arc<RepairQueue>) -> Self {
        Self { store: Arc::clone(store), repair_queue: Arc::clone(repair_queue), known: HashSet::new() }
    }

    /// Asks once every [`limits::REMOVALS_POLL`], until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut ticks = interval(limits::REMOVALS_POLL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let polling = async {
            loop {
                ticks.tick().await;
                // The store has logged its failure. The next answer covers the same time.
                let _ = self.ask().await;
            }
        };
        stop.run_until_cancelled(polling).await;
    }

    async fn ask(&mut self) -> Result<()> {
        let since = Timestamp::now().minus(limits::REMOVALS_WINDOW);
        let removals = self.store.removals(since, limits::REMOVALS_POLLED_MAX).await?;
        for (conversation_id, _) in removals.iter().filter(|removal| !self.known.contains(removal)) {
            self.repair_queue.request_conversation(*conversation_id);
        }
        self.known = removals.into_iter().collect();
        Ok(())
    }
}
