//! Subscriptions: in which conversations a connection hears events.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio_util::task::TaskTracker;

use crate::domain::{ConversationId, Result, Seq};
use crate::limits;
use crate::registry::{Connection, Registry, Scope};
use crate::store::Store;

/// Subscribes connections to conversations, and brings them up to date (see [`super::catch_up`]).
pub struct Subscriptions {
    pub(super) store: Arc<dyn Store>,
    pub(super) registry: Arc<Registry>,
    /// Owns the tasks of [`Subscriptions::catch_up_in_background`].
    pub(super) tasks: TaskTracker,
}

/// How often a beginning connection lists its user's conversations: twice if nothing changes meanwhile, more while they come
/// and go. Whoever has more than can be heard has others at the end of the list each time.
const LISTINGS: usize = 5;

/// Where a connection has seats.
pub(super) struct Seated {
    /// The newest numbers there, read with the seats.
    pub(super) heads: HashMap<ConversationId, Seq>,
    /// Where it had none before.
    pub(super) is_new: HashSet<ConversationId>,
}

impl Subscriptions {
    /// Subscriptions of the connections in `registry`.
    pub fn new(store: &Arc<dyn Store>, registry: &Arc<Registry>, tasks: &TaskTracker) -> Self {
        Self { store: Arc::clone(store), registry: Arc::clone(registry), tasks: tasks.clone() }
    }

    /// SubscriptionSet a connection in all of its user's conversations, and makes the seats live at the newest numbers.
    ///
    /// The numbers that count are those read while the seats are there: what is delivered between a reading and a seat, or a
    /// removal, would be missed. So the conversations are read until nothing is new.
    pub async fn subscribe_all(&self, connection: &Arc<Connection>) -> Result<()> {
        let mut seated = HashSet::new();
        for _ in 0..LISTINGS {
            let mut heads = self.store.heads(connection.user_id, limits::SUBSCRIPTIONS_MAX).await?;
            // A connection keeps its seats in this order: each new one is then the last.
            heads.sort_unstable_by_key(|(id, _)| *id);
            let listed: HashSet<ConversationId> = heads.iter().map(|(id, _)| *id).collect();
            let gone: Vec<ConversationId> = seated.difference(&listed).copied().collect();
            let mut anything_new = !gone.is_empty();
            for id in gone {
                seated.remove(&id);
                self.registry.unsubscribe(connection, id);
            }
            for (id, head) in heads {
                if seated.insert(id) {
                    anything_new = true;
                    self.registry.subscribe(connection, id);
                } else if connection.scope == Scope::All {
                    self.registry.activate_now(connection, id, head);
                }
            }
            if !anything_new {
                break;
            }
        }
        if connection.scope == Scope::All {
            // What is new in the last listing, too, is heard from now on.
            let silent: Vec<_> = seated.into_iter().filter(|id| connection.live_from(*id).is_none()).collect();
            for page in silent.chunks(limits::RECONCILE_PAGE) {
                for (id, head) in self.store.heads_of(page).await? {
                    self.registry.activate_now(connection, id, head);
                }
            }
        }
        Ok(())
    }

    /// SubscriptionSet a connection in those of these conversations that its user is in, silently where it has no seat yet. The newest
    /// numbers are read with the seats: whoever is removed from then on loses the seat.
    pub(super) async fn subscribe(&self, connection: &Arc<Connection>, ids: &[ConversationId]) -> Result<Seated> {
        let mut is_new = HashSet::new();
        let without: Vec<ConversationId> = ids.iter().copied().filter(|id| !connection.is_subscribed(*id)).collect();
        if !without.is_empty() {
            // Asked before a seat is taken, since even a silent one hears presence.
            for (id, _) in self.store.heads_for(connection.user_id, &without).await? {
                if self.registry.subscribe(connection, id) {
                    is_new.insert(id);
                }
            }
        }
        match self.store.heads_for(connection.user_id, ids).await {
            Ok(heads) => Ok(Seated { heads: heads.into_iter().collect(), is_new }),
            Err(error) => {
                for id in is_new {
                    self.registry.unsubscribe_if_paused(connection, id);
                }
                Err(error)
            }
        }
    }
}
