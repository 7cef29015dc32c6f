//! The presence worker: announces changes, and keeps them while the store does not answer.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::diffs::{Diffs, viewer_of};
use super::last_seen::LastSeen;
use super::size_change::SizeChange;
use super::{Presence, ignore_defect};
use crate::bus::Bus;
use crate::domain::{ConversationId, Result, Timestamp, UserId};
use crate::journal::Backoff;
use crate::limits;
use crate::registry::Registry;
use crate::store::Store;

/// Announces the changes of presence on this node.
pub struct Worker {
    pub(super) presence: Arc<Presence>,
    pub(super) store: Arc<dyn Store>,
    pub(super) registry: Arc<Registry>,
    bus: Arc<dyn Bus>,
    last_seen: LastSeen,
}

/// Changes that are not announced yet. A user's status is read when it is announced. Bounded as [`super::Changes`] is.
#[derive(Default)]
struct DueChanges {
    users: HashSet<UserId>,
    sizes: HashMap<ConversationId, SizeChange>,
}

impl DueChanges {
    fn is_empty(&self) -> bool {
        self.users.is_empty() && self.sizes.is_empty()
    }
}

impl Worker {
    /// Returns a worker that announces changes over `bus`.
    pub fn new(presence: &Arc<Presence>, store: &Arc<dyn Store>, bus: &Arc<dyn Bus>) -> Self {
        Self {
            presence: Arc::clone(presence),
            store: Arc::clone(store),
            registry: Arc::clone(&presence.registry),
            bus: Arc::clone(bus),
            last_seen: LastSeen::new(store),
        }
    }

    /// Announces changes until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let announced = CancellationToken::new();
        let announce = async {
            self.announce(&stop).await;
            announced.cancel();
        };
        tokio::join!(announce, self.last_seen.run(announced.clone()));
    }

    async fn announce(&self, stop: &CancellationToken) {
        let (mut due, mut backoff) = (DueChanges::default(), Backoff::up_to(limits::RECONCILE_RETRY_PAUSE));
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => {
                    self.take(&mut due);
                    return;
                }
                () = self.presence.changed.notified() => {
                    tokio::select! {
                        () = stop.cancelled() => continue,
                        () = sleep(limits::PRESENCE_DEBOUNCE) => {}
                    }
                    if self.take(&mut due) {
                        self.last_seen.settled().await;
                    }
                }
                () = backoff.pause(), if !due.is_empty() => {}
            }
            let mut diffs = Diffs::default();
            let collected = tokio::select! {
                () = stop.cancelled() => continue,
                collected = self.collect(&mut due, &mut diffs) => collected,
            };
            match collected {
                Ok(()) => _ = backoff.reset(),
                Err(error) => tracing::debug!(%error, users = due.users.len(), "presence is not announced yet"),
            }
            // Diffs that are complete do not wait for the others.
            diffs.publish(self.bus.as_ref());
        }
    }

    /// Adds the newest changes to those that are due. Returns true if users have gone offline.
    fn take(&self, due: &mut DueChanges) -> bool {
        let taken = self.presence.take();
        self.last_seen.record(&taken.disconnected, Timestamp::now());
        due.users.extend(taken.users);
        for (id, change) in taken.sizes {
            due.sizes.entry(id).or_default().merge(change);
        }
        !taken.disconnected.is_empty()
    }

    /// Collects the diffs of all due changes. A change stays in `due` if the store does not answer.
    async fn collect(&self, due: &mut DueChanges, diffs: &mut Diffs) -> Result<()> {
        while let Some(&user_id) = due.users.iter().next() {
            let conversations =
                ignore_defect(self.store.small_conversations(user_id, limits::SUBSCRIPTIONS_MAX).await)?;
            let status = self.presence.announced(user_id);
            for conversation_id in conversations {
                for subscription in self.registry.subscribers(conversation_id).iter() {
                    diffs.note(viewer_of(&subscription.connection), user_id, status);
                }
            }
            due.users.remove(&user_id);
        }
        while let Some((&id, &change)) = due.sizes.iter().next() {
            ignore_defect(self.correct(id, change, diffs).await)?;
            due.sizes.remove(&id);
        }
        Ok(())
    }
}
