//! A connection, as the rest of this node sees it.

use std::collections::HashSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::SendQueue;
use crate::domain::session::Caller;
use crate::domain::{ConnectionId, ConversationId, Seq, SessionId, UserId};

/// What a connection hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One conversation (`/ws/{conversation_id}`).
    One(ConversationId),
    /// All of the user's (`/ws`), live from the first moment.
    All,
    /// All of the user's (`/ws?hold=1`), each silent until it is resumed.
    Held,
}

/// One WebSocket.
pub struct Connection {
    /// Names it.
    pub id: ConnectionId,
    /// Whose it is.
    pub user_id: UserId,
    /// By which session.
    pub session_id: SessionId,
    /// What it hears.
    pub scope: Scope,
    /// What waits to be written to it.
    pub send_queue: Arc<SendQueue>,
    /// Its subscriptions. `None` once it has left.
    subscriptions: Mutex<Option<SubscriptionSet>>,
    /// The newest change to where its user belongs that it was compared with.
    membership_version: AtomicI64,
}

/// Newer than every change.
const NOT_COMPARED: i64 = i64::MAX;

/// How a connection hears a conversation.
#[derive(Clone, Copy, Default)]
pub(super) struct SubscriptionState {
    /// Where live began; nothing while the seat is silent.
    pub(super) live_from: Option<Seq>,
    /// The newest number that it was told of without the event itself, or began with.
    pub(super) told: Seq,
}

impl Connection {
    /// A connection that hears nothing yet.
    pub fn new(caller: &Caller, scope: Scope, send_queue: Arc<SendQueue>) -> Arc<Self> {
        Arc::new(Self {
            id: ConnectionId::new(),
            user_id: caller.user_id,
            session_id: caller.session_id,
            scope,
            send_queue,
            subscriptions: Mutex::new(Some(SubscriptionSet::default())),
            membership_version: AtomicI64::new(NOT_COMPARED),
        })
    }

    /// Where live began in this conversation, if it is live.
    pub fn live_from(&self, conversation_id: ConversationId) -> Option<Seq> {
        self.subscriptions().as_ref()?.get(conversation_id)?.live_from
    }

    /// Whether it has a seat there.
    pub fn is_subscribed(&self, conversation_id: ConversationId) -> bool {
        self.subscriptions().as_ref().is_some_and(|subscriptions| subscriptions.get(conversation_id).is_some())
    }

    /// Where it has a seat.
    pub fn conversations(&self) -> HashSet<ConversationId> {
        self.subscriptions()
            .as_ref()
            .map(|subscriptions| subscriptions.iter().map(|(id, _)| id).collect())
            .unwrap_or_default()
    }

    /// The newest change to where its user belongs that it was compared with; a connection that is only beginning is ahead of
    /// all.
    pub fn membership_version(&self) -> i64 {
        self.membership_version.load(Ordering::Relaxed)
    }

    /// It was compared with this one.
    pub fn set_membership_version(&self, version: i64) {
        self.membership_version.store(version, Ordering::Relaxed);
    }

    /// Whether it hears this conversation live; `None` once it has left, and hears nothing any more.
    pub fn is_live(&self, conversation_id: ConversationId) -> Option<bool> {
        Some(self.subscriptions().as_ref()?.get(conversation_id).is_some_and(|state| state.live_from.is_some()))
    }

    /// Taken before a room's lock, never after it.
    pub(super) fn subscriptions(&self) -> MutexGuard<'_, Option<SubscriptionSet>> {
        self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a connection has subscriptions, in the order of the conversations' ids: most have one, and few many.
#[derive(Default)]
pub(super) struct SubscriptionSet(Vec<(ConversationId, SubscriptionState)>);

impl SubscriptionSet {
    fn position(&self, id: ConversationId) -> Result<usize, usize> {
        self.0.binary_search_by_key(&id, |(other, _)| *other)
    }

    pub(super) fn get(&self, id: ConversationId) -> Option<&SubscriptionState> {
        Some(&self.0.get(self.position(id).ok()?)?.1)
    }

    pub(super) fn get_mut(&mut self, id: ConversationId) -> Option<&mut SubscriptionState> {
        let place = self.position(id).ok()?;
        Some(&mut self.0.get_mut(place)?.1)
    }

    /// Says whether it is new.
    pub(super) fn insert(&mut self, id: ConversationId) -> bool {
        let Err(place) = self.position(id) else { return false };
        if self.0.is_empty() {
            self.0.reserve_exact(1);
        }
        self.0.insert(place, (id, SubscriptionState::default()));
        true
    }

    pub(super) fn remove(&mut self, id: ConversationId) -> Option<SubscriptionState> {
        self.position(id).ok().map(|place| self.0.remove(place).1)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ConversationId, SubscriptionState)> {
        self.0.iter().copied()
    }
}
