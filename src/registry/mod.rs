//! The registry: the connections of this node, by conversation, by user and by session.
//!
//! A connection that hears a conversation has a *subscription* in its *room*. A subscription is silent until it goes live at a number;
//! from then on it gets every event after that number, once and in order. The room's *watermark* is the number up to which
//! this node has delivered; going live compares it with what the connection has, under the lock that delivery takes, so
//! that nothing falls between catching up and live.
//!
//! Invariants: no lock is held over an await; while bytes are pushed none is but the conversation's [turn](DeliveryGuard), which only those
//! take who deliver; a turn is taken before a connection's lock, and that before a room's; a connection leaves by `Drop`.

mod connection;
mod delivery_guard;
mod encoded_events;
mod memory_budget;
mod send_queue;
mod sharded;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use crate::domain::user::Status;
use crate::domain::{ConversationId, Seq, SessionId, UserId};
use crate::limits;
pub use connection::{Connection, Scope};
use connection::{SubscriptionSet, SubscriptionState};
use delivery_guard::DeliveryGuards;
pub use delivery_guard::{DeliveryGuard, SeqCheck};
pub use encoded_events::EncodedEvents;
pub use memory_budget::MemoryBudget;
pub use send_queue::{EnqueueResult, SendQueue, Sink, WakeReason};
use sharded::Sharded;

/// Who hears a conversation on this node.
#[derive(Default)]
struct Room {
    /// The number up to which this node has delivered, once it has delivered or somebody went live.
    watermark: Option<Seq>,
    /// Shared with the deliveries under way, and copied only if one is while it changes.
    subscriptions: Arc<Vec<Subscription>>,
    /// How many users have subscriptions, and when they were counted.
    user_count: Option<(usize, Instant)>,
}

/// A connection in a room.
#[derive(Clone)]
pub struct Subscription {
    /// Events after this number are for it.
    from: Seq,
    /// The connection.
    pub connection: Arc<Connection>,
    /// The connection's: with a thousand subscriptions each pointer less to follow can be seen.
    send_queue: Arc<SendQueue>,
}

impl Subscription {
    /// Returns true if events are delivered to it.
    pub fn is_live(&self) -> bool {
        self.from != PAUSED
    }
}

/// A subscription that is not live: no event comes after this number.
const PAUSED: Seq = Seq::MAX;

/// The connections of this node.
pub struct Registry {
    rooms: Sharded<ConversationId, Room>,
    users: Sharded<UserId, Vec<Arc<Connection>>>,
    sessions: Sharded<SessionId, Vec<Arc<Connection>>>,
    delivery_guards: DeliveryGuards,
    memory_budget: Arc<MemoryBudget>,
}

/// Keeps a connection registered; dropping it leaves everything.
pub struct Registration {
    registry: Arc<Registry>,
    connection: Arc<Connection>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let connection = &self.connection;
        let subscriptions = connection.subscriptions().take().unwrap_or_default();
        for (conversation_id, _) in subscriptions.iter() {
            self.registry.remove(connection, conversation_id);
        }
        remove(&self.registry.users, connection.user_id, connection);
        remove(&self.registry.sessions, connection.session_id, connection);
    }
}

fn remove<K: std::hash::Hash + Eq>(map: &Sharded<K, Vec<Arc<Connection>>>, key: K, connection: &Arc<Connection>) {
    map.with(&key, |shard| {
        if let Some(connections) = shard.get_mut(&key) {
            connections.retain(|other| !Arc::ptr_eq(other, connection));
            if connections.is_empty() {
                shard.remove(&key);
            }
        }
    });
}

impl Default for Registry {
    fn default() -> Self {
        let (rooms, users, sessions) = (Sharded::new(), Sharded::new(), Sharded::new());
        Self { rooms, users, sessions, delivery_guards: DeliveryGuards::default(), memory_budget: Arc::default() }
    }
}

impl Registry {
    /// An send_queue for a connection of this node, corked.
    pub fn send_queue<S: Sink>(&self, sink: S) -> Arc<SendQueue<S>> {
        Arc::new(SendQueue::new(sink, Arc::clone(&self.memory_budget)))
    }

    /// Registers a connection until the returned value is dropped; `None` if its user has too many (unless `unlimited`).
    pub fn register(self: &Arc<Self>, connection: &Arc<Connection>, unlimited: bool) -> Option<Registration> {
        let admitted = self.users.with(&connection.user_id, |shard| {
            let connections = shard.entry(connection.user_id).or_insert_with(|| Vec::with_capacity(1));
            let admitted = unlimited || connections.len() < limits::CONNECTIONS_PER_USER_MAX;
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

    /// Gives a connection a silent subscription. Says whether it is new: it may have one already, or have left.
    pub fn subscribe(&self, connection: &Arc<Connection>, conversation_id: ConversationId) -> bool {
        let mut subscriptions = connection.subscriptions();
        let Some(subscriptions) = subscriptions.as_mut() else { return false };
        if !subscriptions.insert(conversation_id) {
            return false;
        }
        self.rooms.with(&conversation_id, |shard| {
            let room = shard.entry(conversation_id).or_default();
            Arc::make_mut(&mut room.subscriptions).push(Subscription {
                from: PAUSED,
                connection: Arc::clone(connection),
                send_queue: Arc::clone(&connection.send_queue),
            });
        });
        true
    }

    /// Makes a subscription live for the events after `cursor`, if this node has delivered none of them yet; otherwise says up to
    /// where it has, which is to be read from the store first. Without a subscription there is nothing to do.
    pub fn activate(
        &self,
        connection: &Arc<Connection>,
        conversation_id: ConversationId,
        cursor: Seq,
    ) -> Result<(), Seq> {
        let mut subscriptions = connection.subscriptions();
        let Some(hearing) = subscriptions.as_mut().and_then(|subscriptions| subscriptions.get_mut(conversation_id))
        else {
            return Ok(());
        };
        if hearing.live_from.is_some() {
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
                subscription.from = cursor;
            }
            *hearing = SubscriptionState { live_from: Some(cursor), told: cursor };
            Ok(())
        })
    }

    /// Makes a subscription live from now on: after `head`, which the store had a moment ago, or what was delivered since.
    pub fn activate_now(&self, connection: &Arc<Connection>, conversation_id: ConversationId, head: Seq) {
        if let Err(watermark) = self.activate(connection, conversation_id, head) {
            // Only a delivery between the two calls could make this fail too, and then the next one succeeds.
            let mut cursor = watermark;
            while let Err(newer) = self.activate(connection, conversation_id, cursor) {
                cursor = newer;
            }
        }
    }

    /// Takes a connection's subscription away.
    pub fn unsubscribe(&self, connection: &Arc<Connection>, conversation_id: ConversationId) {
        let mut subscriptions = connection.subscriptions();
        if subscriptions.as_mut().and_then(|subscriptions| subscriptions.remove(conversation_id)).is_some() {
            self.remove(connection, conversation_id);
        }
    }

    /// Takes a connection's subscription away, unless it has become live.
    pub fn unsubscribe_if_paused(&self, connection: &Arc<Connection>, conversation_id: ConversationId) {
        let mut subscriptions = connection.subscriptions();
        let Some(subscriptions) = subscriptions.as_mut() else { return };
        if subscriptions.get(conversation_id).is_some_and(|hearing| hearing.live_from.is_none()) {
            subscriptions.remove(conversation_id);
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
            }
        });
    }

    /// Delivers runs: each recipient gets all that is theirs, once, in one write. Returns where a hole is in the way.
    pub fn deliver(&self, runs: &[EncodedEvents]) -> Vec<ConversationId> {
        let (mut due, mut holes) = (Vec::new(), Vec::new());
        for run in runs {
            let guard = self.delivery_guard(run.conversation_id);
            let place = if runs.len() == 1 { guard.deliver(run) } else { guard.enqueue(run, &mut due) };
            if place == SeqCheck::Gap {
                holes.push(run.conversation_id);
            }
        }
        for send_queue in due {
            send_queue.flush();
        }
        holes
    }

    /// The number up to which this node has delivered a conversation, if anybody here listens to it.
    pub fn watermark(&self, conversation_id: ConversationId) -> Option<Seq> {
        self.rooms.with(&conversation_id, |shard| shard.get(&conversation_id)?.watermark)
    }

    /// The conversations that somebody here hears, and the number up to which this node has delivered each.
    pub fn watermarks(&self) -> Vec<(ConversationId, Seq)> {
        self.rooms.entries(|id, room| Some((*id, room.watermark?)))
    }

    /// Everybody who is connected here.
    pub fn users(&self) -> Vec<UserId> {
        self.users.entries(|id, _| Some(*id))
    }

    /// The sessions that are connected here.
    pub fn sessions(&self) -> Vec<SessionId> {
        self.sessions.entries(|id, _| Some(*id))
    }

    /// The conversations in which a connection is live and something was delivered since the last call, up to a bound, each with
    /// the newest number. All up to there is in its send_queue.
    pub fn unannounced_heads(&self, connection: &Connection, limit: usize) -> Vec<(ConversationId, Seq)> {
        let live: Vec<(ConversationId, Seq)> = {
            let subscriptions = connection.subscriptions();
            let live =
                subscriptions.iter().flat_map(SubscriptionSet::iter).filter(|(_, hearing)| hearing.live_from.is_some());
            live.map(|(id, hearing)| (id, hearing.told)).collect()
        };
        // Where somebody is delivering at this moment the watermark may be ahead of the send_queue: that is told the next time.
        let newest = |id| self.try_delivery_guard(id)?.watermark();
        let news = live.into_iter().filter_map(|(id, told)| Some((id, newest(id).filter(|newest| *newest > told)?)));
        let news: Vec<(ConversationId, Seq)> = news.take(limit).collect();
        if let Some(subscriptions) = connection.subscriptions().as_mut() {
            for (id, newest) in &news {
                if let Some(hearing) = subscriptions.get_mut(*id) {
                    hearing.told = *newest;
                }
            }
        }
        news
    }

    /// Who has a subscription in a conversation.
    pub fn subscribers(&self, conversation_id: ConversationId) -> Arc<Vec<Subscription>> {
        self.rooms.with(&conversation_id, |shard| {
            shard.get(&conversation_id).map(|room| Arc::clone(&room.subscriptions)).unwrap_or_default()
        })
    }

    /// How many users have subscriptions in a conversation: now, or [`limits::PRESENCE_DEBOUNCE`] ago, since counting them each time
    /// that one of them comes would be more work with each of them.
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

    /// How many connections there are.
    pub fn count(&self) -> usize {
        self.users.sum(Vec::len)
    }

    /// Whether a user has a connection.
    pub fn status(&self, user_id: UserId) -> Status {
        let online = self.users.with(&user_id, |shard| shard.contains_key(&user_id));
        if online { Status::Online } else { Status::Offline }
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
#[path = "property_tests.rs"]
mod properties;
