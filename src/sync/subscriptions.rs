//! Subscriptions: subscribes connections to the conversations of their users.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio_util::task::TaskTracker;

use super::conversation_pages::ConversationPages;
use super::presence::Presence;
use super::user_permits::UserPermits;
use crate::delivery::RepairQueue;
use crate::domain::{ConversationId, Result, Seq};
use crate::limits;
use crate::registry::{Connection, Registry, Scope};
use crate::store::Store;

/// Subscribes connections to conversations, and brings them up to date (see [`super::catch_up`]).
pub struct Subscriptions {
    pub(super) store: Arc<dyn Store>,
    pub(super) registry: Arc<Registry>,
    pub(super) presence: Arc<Presence>,
    /// Permits to use the store for a user.
    pub(super) store_permits: Arc<UserPermits>,
    pub(super) repairs: Arc<RepairQueue>,
    /// Owns the tasks of [`Subscriptions::catch_up_in_background`].
    pub(super) tasks: TaskTracker,
}

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
        presence: &Arc<Presence>,
        store_permits: &Arc<UserPermits>,
        repairs: &Arc<RepairQueue>,
        tasks: &TaskTracker,
    ) -> Self {
        let (store, registry, presence) = (Arc::clone(store), Arc::clone(registry), Arc::clone(presence));
        let (store_permits, repairs) = (Arc::clone(store_permits), Arc::clone(repairs));
        Self { store, registry, presence, store_permits, repairs, tasks: tasks.clone() }
    }

    /// Subscribes a connection to the next conversations of its user, at most [`limits::SUBSCRIBED_AT_ONCE_MAX`]. They are live at their newest
    /// numbers if the connection's scope is [`Scope::All`]. Returns true if there are more. Ends early if the connection is closed, for instance
    /// because the memory budget has no room for its subscriptions.
    ///
    /// A number counts only if it was read while the subscription existed. Otherwise the connection would miss an event that is delivered
    /// between the read and the subscription, or a removal. So each page is read twice: its ids, and then its numbers.
    ///
    /// A conversation that the user joins meanwhile is not missed: the connection is registered, so that the join subscribes it, or else the
    /// user's membership version shows it to the reconciler.
    pub async fn subscribe_next(&self, connection: &Arc<Connection>, pages: &mut ConversationPages) -> Result<bool> {
        for _ in 0..limits::SUBSCRIBED_AT_ONCE_MAX / limits::CONVERSATION_IDS_PAGE {
            let Some(page) = pages.next(&*self.store).await? else {
                connection.shrink_subscriptions();
                return Ok(false);
            };
            for &id in &page.ids {
                self.registry.subscribe(connection, id);
            }
            if connection.send_queue.is_closing() {
                return Ok(false);
            }
            let heads: HashMap<ConversationId, Seq> =
                self.store.heads_for(connection.user_id, &page.ids).await?.into_iter().collect();
            for id in page.ids {
                match heads.get(&id) {
                    Some(&head) if connection.scope == Scope::All => self.registry.activate_now(connection, id, head),
                    Some(_) => {}
                    // The user has left, or the conversation was deleted.
                    None => _ = self.registry.unsubscribe(connection, id),
                }
            }
        }
        Ok(true)
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
