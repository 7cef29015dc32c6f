//! Subscriptions: subscribes connections to the conversations of their users.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio_util::task::TaskTracker;

use super::user_permits::UserPermits;
use crate::domain::{ConversationId, Result, Seq};
use crate::limits;
use crate::registry::{Connection, Registry, Scope};
use crate::store::Store;

/// Subscribes connections to conversations, and brings them up to date (see [`super::catch_up`]).
pub struct Subscriptions {
    pub(super) store: Arc<dyn Store>,
    pub(super) registry: Arc<Registry>,
    /// Permits to use the store for a user.
    pub(super) store_permits: Arc<UserPermits>,
    /// Owns the tasks of [`Subscriptions::catch_up_in_background`].
    pub(super) tasks: TaskTracker,
}

/// Bounds how often a new connection lists its user's conversations. It lists them twice if nothing changes meanwhile, and more often
/// while the user joins or leaves some. The bound matters for users with more than [`limits::SUBSCRIPTIONS_MAX`] conversations: their list
/// may end with other conversations each time.
const LISTINGS_MAX: usize = 5;

/// Subscriptions of a connection.
pub(super) struct Subscribed {
    /// The newest numbers of the conversations, read while the subscriptions existed.
    pub(super) heads: HashMap<ConversationId, Seq>,
    /// Conversations to which the connection was not subscribed before.
    pub(super) new: HashSet<ConversationId>,
}

impl Subscriptions {
    /// Returns the subscriptions of the connections in `registry`.
    pub fn new(
        store: &Arc<dyn Store>,
        registry: &Arc<Registry>,
        store_permits: &Arc<UserPermits>,
        tasks: &TaskTracker,
    ) -> Self {
        let (store, registry, store_permits) = (Arc::clone(store), Arc::clone(registry), Arc::clone(store_permits));
        Self { store, registry, store_permits, tasks: tasks.clone() }
    }

    /// Subscribes a connection to all of its user's conversations, live at the newest numbers if its scope is [`Scope::All`].
    ///
    /// A number counts only if it was read while the subscription existed. Otherwise the connection would miss an event that is delivered
    /// between the read and the subscription, or a removal. So the conversations are read until nothing is new.
    pub async fn subscribe_all(&self, connection: &Arc<Connection>) -> Result<()> {
        let mut subscribed = HashSet::new();
        for _ in 0..LISTINGS_MAX {
            let mut heads = self.store.heads(connection.user_id, limits::SUBSCRIPTIONS_MAX).await?;
            // A connection keeps its subscriptions in this order, so each new one is appended.
            heads.sort_unstable_by_key(|(id, _)| *id);
            let listed: HashSet<ConversationId> = heads.iter().map(|(id, _)| *id).collect();
            let left: Vec<ConversationId> = subscribed.difference(&listed).copied().collect();
            let mut has_changed = !left.is_empty();
            for id in left {
                subscribed.remove(&id);
                self.registry.unsubscribe(connection, id);
            }
            for (id, head) in heads {
                if subscribed.insert(id) {
                    has_changed = true;
                    self.registry.subscribe(connection, id);
                } else if connection.scope == Scope::All {
                    self.registry.activate_now(connection, id, head);
                }
            }
            if !has_changed {
                break;
            }
        }
        if connection.scope == Scope::All {
            // A conversation that is new in the last listing is live from now on, too.
            let paused: Vec<_> = subscribed.into_iter().filter(|id| connection.live_from(*id).is_none()).collect();
            for page in paused.chunks(limits::RECONCILE_PAGE) {
                for (id, head) in self.store.heads_of(page).await? {
                    self.registry.activate_now(connection, id, head);
                }
            }
        }
        Ok(())
    }

    /// Subscribes a connection to those of these conversations that its user is in. New subscriptions are paused. The newest numbers are
    /// read while the subscriptions exist: a user who is removed after that loses the subscription.
    pub(super) async fn subscribe(&self, connection: &Arc<Connection>, ids: &[ConversationId]) -> Result<Subscribed> {
        let mut new = HashSet::new();
        let unsubscribed: Vec<ConversationId> =
            ids.iter().copied().filter(|id| !connection.is_subscribed(*id)).collect();
        if !unsubscribed.is_empty() {
            // Membership is checked before the connection is subscribed, because even a paused subscription receives presence.
            for (id, _) in self.store.heads_for(connection.user_id, &unsubscribed).await? {
                if self.registry.subscribe(connection, id) {
                    new.insert(id);
                }
            }
        }
        match self.store.heads_for(connection.user_id, ids).await {
            Ok(heads) => Ok(Subscribed { heads: heads.into_iter().collect(), new }),
            Err(error) => {
                for id in new {
                    self.registry.unsubscribe_if_paused(connection, id);
                }
                Err(error)
            }
        }
    }
}
