//! The registry: the connections of this node, by conversation, by user and by session.
//!
//! A connection that receives a conversation's events has a *subscription* in the conversation's *room*. A subscription is paused
//! until it is activated with a cursor. From then on it is *live*: it receives every event after the cursor, once and in order. The
//! room's *watermark* is the number up to which this node has delivered. Activation compares the watermark with the cursor, under the
//! lock that delivery takes, so that no event is lost between the catch-up and the live events.
//!
//! Invariants:
//!
//! - No lock is held over an await.
//! - While bytes are written no lock is held but the conversation's [guard](DeliveryGuard), which deliveries, gap repair and heartbeats take.
//! - The locks are taken in this order: a conversation's guard, a connection's subscriptions, a room.
//! - A connection leaves the registry when its [`Registration`] is dropped.

mod announcements;
mod connection;
mod delivery_guard;
mod encoded_events;
mod interest;
mod lookups;
mod memory_budget;
mod send_queue;
mod sharded;
mod subscriptions;

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use crate::domain::{ConversationId, Seq, SessionId, Shards, UserId};
use crate::limits;
use connection::SubscriptionSet;
pub use connection::{Connection, Scope};
use delivery_guard::DeliveryGuards;
pub use delivery_guard::{DeliveryGuard, SeqCheck};
pub use encoded_events::EncodedEvents;
pub use interest::Interest;
pub use memory_budget::{Charge, Holder, MemoryBudget};
pub use send_queue::{EnqueueResult, SendQueue, Sink, WakeReason};
use sharded::Sharded;
pub use subscriptions::Subscription;

/// The subscriptions of a conversation on this node.
#[derive(Default)]
struct Room {
    /// The number up to which this node has delivered. `None` until the first delivery or activation.
    watermark: Option<Seq>,
    /// Shared with running deliveries. A change copies the list only while a delivery uses it.
    subscriptions: Arc<Vec<Subscription>>,
    /// The number of users who have subscriptions, and the time of the count.
    user_count: Option<(usize, Instant)>,
}

/// The connections of this node.
pub struct Registry {
    rooms: Sharded<ConversationId, Room>,
    users: Sharded<UserId, Vec<Arc<Connection>>>,
    sessions: Sharded<SessionId, Vec<Arc<Connection>>>,
    delivery_guards: DeliveryGuards,
    /// The bytes that wait.
    memory_budget: Arc<MemoryBudget>,
    /// The memory of subscriptions.
    subscription_budget: Arc<MemoryBudget>,
    /// Empty unless a bus asked for it.
    interest: OnceLock<Arc<Interest>>,
}

/// Keeps a connection registered. Dropping it removes the connection and all its subscriptions.
pub struct Registration {
    registry: Arc<Registry>,
    connection: Arc<Connection>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let connection = &self.connection;
        self.registry.unsubscribe_from_all(connection);
        let user_id = connection.user_id;
        remove(&self.registry.users, user_id, connection, || {
            self.registry.interest(|interest| interest.remove(user_id.0));
        });
        remove(&self.registry.sessions, connection.session_id, connection, || {});
    }
}

/// Removes a connection. Calls `is_last` if it was the last one of its key, under the key's lock.
fn remove<K: std::hash::Hash + Eq>(
    map: &Sharded<K, Vec<Arc<Connection>>>,
    key: K,
    connection: &Arc<Connection>,
    is_last: impl FnOnce(),
) {
    map.with(&key, |shard| {
        if let Some(connections) = shard.get_mut(&key) {
            connections.retain(|other| !Arc::ptr_eq(other, connection));
            if connections.is_empty() {
                shard.remove(&key);
                is_last();
            }
        }
    });
}

impl Default for Registry {
    fn default() -> Self {
        Self::new(MemoryBudget::default(), MemoryBudget::new(limits::SUBSCRIPTIONS, true))
    }
}

impl Registry {
    /// A registry without connections, with a budget for the bytes that wait and one for subscriptions.
    pub fn new(memory_budget: MemoryBudget, subscription_budget: MemoryBudget) -> Self {
        let (rooms, users, sessions) = (Sharded::new(), Sharded::new(), Sharded::new());
        let (memory_budget, subscription_budget) = (Arc::new(memory_budget), Arc::new(subscription_budget));
        let (delivery_guards, interest) = (DeliveryGuards::default(), OnceLock::new());
        Self { rooms, users, sessions, delivery_guards, memory_budget, subscription_budget, interest }
    }

    /// Returns the interest of this node in shards. Counts from the first call on, so a bus calls it before the node has connections.
    pub fn watch_interest(&self, shards: Shards) -> Arc<Interest> {
        Arc::clone(self.interest.get_or_init(|| Arc::new(Interest::new(shards))))
    }

    /// Records a change of the interest, if a bus asked for it. A single node counts nothing.
    fn interest(&self, change: impl FnOnce(&Interest)) {
        if let Some(interest) = self.interest.get() {
            change(interest);
        }
    }

    /// Returns a charge of no bytes to the budget of this node.
    pub fn charge(&self, holder: Holder) -> Charge {
        Charge::new(&self.memory_budget, holder)
    }

    /// Makes a corked send queue for a connection of this node.
    pub fn send_queue<S: Sink>(&self, sink: S, holder: Holder) -> Arc<SendQueue<S>> {
        Arc::new(SendQueue::new(sink, self.charge(holder)))
    }

    /// Registers a connection until the returned value is dropped. Returns `None` if its user has
    /// [`limits::CONNECTIONS_PER_USER_MAX`] connections already, unless `unlimited`.
    pub fn register(self: &Arc<Self>, connection: &Arc<Connection>, unlimited: bool) -> Option<Registration> {
        // Before others can find it: a connection without a set is one that has left.
        let charge = Charge::new(&self.subscription_budget, connection.send_queue.holder());
        *connection.subscriptions() = Some(SubscriptionSet::new(charge));
        let admitted = self.users.with(&connection.user_id, |shard| {
            let connections = shard.entry(connection.user_id).or_insert_with(|| Vec::with_capacity(1));
            let admitted = unlimited || connections.len() < limits::CONNECTIONS_PER_USER_MAX;
            if connections.is_empty() {
                self.interest(|interest| interest.add(connection.user_id.0));
            }
            if admitted {
                connections.push(Arc::clone(connection));
            }
            admitted
        });
        admitted.then(|| {
            self.sessions.with(&connection.session_id, |shard| {
                let connections = shard.entry(connection.session_id).or_insert_with(|| Vec::with_capacity(1));
                connections.push(Arc::clone(connection));
            });
            Registration { registry: Arc::clone(self), connection: Arc::clone(connection) }
        })
    }

    /// Delivers events of several conversations. Each recipient gets all its events in one write, each event once. Returns the
    /// conversations whose events were not delivered, because earlier events are missing.
    pub fn deliver(&self, all_events: &[EncodedEvents]) -> Vec<ConversationId> {
        let (mut to_flush, mut gaps) = (Vec::new(), Vec::new());
        for events in all_events {
            let guard = self.delivery_guard(events.conversation_id);
            let seq_check =
                if all_events.len() == 1 { guard.deliver(events) } else { guard.enqueue(events, &mut to_flush) };
            if seq_check == SeqCheck::Gap {
                gaps.push(events.conversation_id);
            }
        }
        for send_queue in to_flush {
            send_queue.flush();
        }
        gaps
    }

    /// The number up to which this node has delivered a conversation. `None` if it has no subscription on this node, or if nothing
    /// was delivered or activated yet.
    pub fn watermark(&self, conversation_id: ConversationId) -> Option<Seq> {
        self.rooms.with(&conversation_id, |shard| shard.get(&conversation_id)?.watermark)
    }

    /// Returns true if a conversation has live subscriptions on this node that have not received the event with this number, which the store has.
    /// Without a live subscription the node lacks nothing. The number becomes the watermark then, so that connections that catch up meanwhile become
    /// live only after it.
    pub fn lacks(&self, conversation_id: ConversationId, seq: Seq) -> bool {
        self.rooms.with(&conversation_id, |shard| {
            let Some(room) = shard.get_mut(&conversation_id) else { return false };
            let is_behind = room.watermark.is_none_or(|watermark| watermark < seq);
            let is_heard = room.subscriptions.iter().any(Subscription::is_live);
            if is_behind && !is_heard {
                room.watermark = Some(seq);
            }
            is_behind && is_heard
        })
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
#[path = "property_tests.rs"]
mod properties;
