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
mod memory_budget;
mod send_queue;
mod sharded;

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use crate::domain::session::SessionKey;
use crate::domain::user::Status;
use crate::domain::{ConversationId, Seq, SessionId, Shards, UserId};
use crate::limits;
pub use connection::{Connection, Scope};
use connection::{Insertion, SubscriptionSet, SubscriptionState};
use delivery_guard::DeliveryGuards;
pub use delivery_guard::{DeliveryGuard, SeqCheck};
pub use encoded_events::EncodedEvents;
pub use interest::Interest;
pub use memory_budget::{Charge, Holder, MemoryBudget};
pub use send_queue::{EnqueueResult, SendQueue, Sink, WakeReason};
use sharded::Sharded;

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

/// A connection in a room.
#[derive(Clone)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Subscription {
    /// The subscription receives the events after this number.
    cursor: Seq,
    pub connection: Arc<Connection>,
    /// The connection's send queue. With a thousand subscriptions it is measurable that a delivery follows one pointer less.
    send_queue: Arc<SendQueue>,
}

impl Subscription {
    /// Returns true if the subscription receives events.
    pub fn is_live(&self) -> bool {
        self.cursor != PAUSED
    }

    /// Returns true if the subscription receives frames that may be lost. They have no place among the events, so a paused subscription receives
    /// them too, unless its client has asked to hear nothing before it resumes.
    pub fn takes_ephemeral(&self) -> bool {
        self.is_live() || self.connection.scope != Scope::Held
    }
}

/// The cursor of a subscription that is not live. No event has a greater number.
const PAUSED: Seq = Seq::MAX;

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

    /// Adds a paused subscription. Returns false if the connection has one already, or has left the registry. Closes the connection, and returns
    /// false, if the memory budget has no room for the subscription: with 4505 if its user has too many, and else with 1013.
    pub fn subscribe(&self, connection: &Arc<Connection>, conversation_id: ConversationId) -> bool {
        let mut subscriptions = connection.subscriptions();
        match subscriptions.as_mut().map_or(Insertion::Exists, |subscriptions| subscriptions.insert(conversation_id)) {
            Insertion::New => {}
            Insertion::Exists => return false,
            Insertion::NoRoom(close) => {
                drop(subscriptions);
                connection.send_queue.close(close);
                return false;
            }
        }
        self.rooms.with(&conversation_id, |shard| {
            let room = shard.entry(conversation_id).or_default();
            let subscriptions: &mut Vec<Subscription> = Arc::make_mut(&mut room.subscriptions);
            if subscriptions.is_empty() {
                // Most rooms have the subscriptions of few connections.
                subscriptions.reserve_exact(1);
                self.interest(|interest| interest.add(conversation_id.0));
            }
            subscriptions.push(Subscription {
                cursor: PAUSED,
                connection: Arc::clone(connection),
                send_queue: Arc::clone(&connection.send_queue),
            });
        });
        true
    }

    /// Activates a subscription after `cursor`. Returns the watermark as the error if this node has already delivered events after
    /// `cursor`: the caller reads the events up to the watermark from the store first. Does nothing if the connection has no
    /// subscription, or if the subscription is live.
    pub fn activate(
        &self,
        connection: &Arc<Connection>,
        conversation_id: ConversationId,
        cursor: Seq,
    ) -> Result<(), Seq> {
        let mut subscriptions = connection.subscriptions();
        let Some(state) = subscriptions.as_mut().and_then(|subscriptions| subscriptions.get_mut(conversation_id))
        else {
            return Ok(());
        };
        if state.live_from.is_some() {
            return Ok(());
        }
        self.rooms.with(&conversation_id, |shard| {
            let room = shard.entry(conversation_id).or_default();
            match room.watermark {
                Some(watermark) if watermark > cursor => return Err(watermark),
                Some(_) => {}
                None => room.watermark = Some(cursor),
            }
            let subscriptions: &mut Vec<Subscription> = Arc::make_mut(&mut room.subscriptions);
            if let Some(subscription) =
                subscriptions.iter_mut().find(|subscription| Arc::ptr_eq(&subscription.connection, connection))
            {
                subscription.cursor = cursor;
            }
            *state = SubscriptionState { live_from: Some(cursor), announced: cursor };
            Ok(())
        })
    }

    /// Activates a subscription from now on: after `head`, which the store had a moment ago, or after the watermark if that is
    /// greater.
    pub fn activate_now(&self, connection: &Arc<Connection>, conversation_id: ConversationId, head: Seq) {
        if let Err(watermark) = self.activate(connection, conversation_id, head) {
            // This fails only if another delivery came between the two calls.
            let mut cursor = watermark;
            while let Err(newer) = self.activate(connection, conversation_id, cursor) {
                cursor = newer;
            }
        }
    }

    /// Removes a connection's subscription.
    pub fn unsubscribe(&self, connection: &Arc<Connection>, conversation_id: ConversationId) {
        let mut subscriptions = connection.subscriptions();
        if subscriptions.as_mut().and_then(|subscriptions| subscriptions.remove(conversation_id)).is_some() {
            self.remove(connection, conversation_id);
        }
    }

    /// Removes a connection's subscription, unless it has become live.
    pub fn unsubscribe_if_paused(&self, connection: &Arc<Connection>, conversation_id: ConversationId) {
        let mut subscriptions = connection.subscriptions();
        let Some(subscriptions) = subscriptions.as_mut() else { return };
        if subscriptions.get(conversation_id).is_some_and(|state| state.live_from.is_none()) {
            subscriptions.remove(conversation_id);
            self.remove(connection, conversation_id);
        }
    }

    /// Removes all subscriptions of a connection, for good: it can have none from now on.
    pub fn unsubscribe_from_all(&self, connection: &Arc<Connection>) {
        let subscriptions = connection.subscriptions().take();
        for (conversation_id, _) in subscriptions.iter().flat_map(SubscriptionSet::iter) {
            self.remove(connection, conversation_id);
        }
    }

    fn remove(&self, connection: &Arc<Connection>, conversation_id: ConversationId) {
        self.rooms.with(&conversation_id, |shard| {
            let Some(room) = shard.get_mut(&conversation_id) else { return };
            let subscriptions: &mut Vec<Subscription> = Arc::make_mut(&mut room.subscriptions);
            if let Some(index) =
                subscriptions.iter().position(|subscription| Arc::ptr_eq(&subscription.connection, connection))
            {
                subscriptions.swap_remove(index);
            }
            if subscriptions.is_empty() {
                shard.remove(&conversation_id);
                self.interest(|interest| interest.remove(conversation_id.0));
            }
        });
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

    /// The conversations that have subscriptions and a watermark on this node, with their watermarks.
    pub fn watermarks(&self) -> Vec<(ConversationId, Seq)> {
        self.rooms.entries(|id, room| Some((*id, room.watermark?)))
    }

    /// The users who are connected to this node.
    pub fn users(&self) -> Vec<UserId> {
        self.users.entries(|id, _| Some(*id))
    }

    /// The sessions that are connected to this node.
    pub fn sessions(&self) -> Vec<SessionKey> {
        self.sessions.entries(|id, of_it| Some(SessionKey { user_id: of_it.first()?.user_id, id: *id }))
    }

    /// The subscriptions of a conversation, live and paused.
    pub fn subscribers(&self, conversation_id: ConversationId) -> Arc<Vec<Subscription>> {
        self.rooms.with(&conversation_id, |shard| {
            shard.get(&conversation_id).map(|room| Arc::clone(&room.subscriptions)).unwrap_or_default()
        })
    }

    /// The number of users who have subscriptions in a conversation. The count is at most [`limits::PRESENCE_DEBOUNCE`] old, because
    /// a new count for each user who connects would cost more with each of them.
    pub fn user_count(&self, conversation_id: ConversationId) -> usize {
        self.rooms.with(&conversation_id, |shard| {
            let Some(room) = shard.get_mut(&conversation_id) else { return 0 };
            match room.user_count {
                Some((user_count, counted_at)) if counted_at.elapsed() < limits::PRESENCE_DEBOUNCE => user_count,
                _ => {
                    let users: HashSet<UserId> =
                        room.subscriptions.iter().map(|subscription| subscription.connection.user_id).collect();
                    room.user_count = Some((users.len(), Instant::now()));
                    users.len()
                }
            }
        })
    }

    /// A user's connections.
    pub fn of_user(&self, user_id: UserId) -> Vec<Arc<Connection>> {
        self.users.with(&user_id, |shard| shard.get(&user_id).cloned().unwrap_or_default())
    }

    /// A session's connections.
    pub fn of_session(&self, session_id: SessionId) -> Vec<Arc<Connection>> {
        self.sessions.with(&session_id, |shard| shard.get(&session_id).cloned().unwrap_or_default())
    }

    /// Every connection.
    pub fn all(&self) -> Vec<Arc<Connection>> {
        self.users.collect(Vec::clone)
    }

    /// The number of connections.
    pub fn count(&self) -> usize {
        self.users.sum(Vec::len)
    }

    /// Returns a user's presence by their connections on this node.
    pub fn status(&self, user_id: UserId) -> Status {
        self.users.with(&user_id, |shard| match shard.get(&user_id) {
            None => Status::Offline,
            Some(connections) if connections.iter().all(|connection| connection.is_away()) => Status::Away,
            Some(_) => Status::Online,
        })
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
#[path = "property_tests.rs"]
mod properties;
