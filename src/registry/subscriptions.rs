//! Subscriptions: which connections receive the events of which conversations, and from which number on.

use std::sync::Arc;

use super::Registry;
use super::connection::{Connection, Insertion, Scope, SubscriptionSet, SubscriptionState};
use super::send_queue::SendQueue;
use crate::domain::{ConversationId, Seq};

/// A connection in a room.
#[derive(Clone)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Subscription {
    /// The subscription receives the events after this number.
    pub(super) cursor: Seq,
    pub connection: Arc<Connection>,
    /// The connection's send queue. With a thousand subscriptions it is measurable that a delivery follows one pointer less.
    pub(super) send_queue: Arc<SendQueue>,
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
pub(super) const PAUSED: Seq = Seq::MAX;

impl Registry {
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

    /// Removes a connection's subscription. Returns false if there is none.
    pub fn unsubscribe(&self, connection: &Arc<Connection>, conversation_id: ConversationId) -> bool {
        let mut subscriptions = connection.subscriptions();
        let is_subscribed =
            subscriptions.as_mut().and_then(|subscriptions| subscriptions.remove(conversation_id)).is_some();
        if is_subscribed {
            self.remove(connection, conversation_id);
        }
        is_subscribed
    }

    /// Removes a connection's subscription, unless it has become live. Returns false if there is no paused one.
    pub fn unsubscribe_if_paused(&self, connection: &Arc<Connection>, conversation_id: ConversationId) -> bool {
        let mut subscriptions = connection.subscriptions();
        let Some(subscriptions) = subscriptions.as_mut() else { return false };
        let is_paused = subscriptions.get(conversation_id).is_some_and(|state| state.live_from.is_none());
        if is_paused {
            subscriptions.remove(conversation_id);
            self.remove(connection, conversation_id);
        }
        is_paused
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
}
