//! A client's WebSocket connection, as this node's registry knows it.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Charge, SendQueue};
use crate::domain::session::Caller;
use crate::domain::{ConnectionId, ConversationId, Seq, SessionId, UserId};
use crate::limits::SUBSCRIPTION_BYTES;
use crate::wire::close::Close;

/// The conversations to which a connection subscribes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One conversation (`/ws/{conversation_id}`).
    One(ConversationId),
    /// All of the user's conversations (`/ws`). They are live when the connection opens.
    All,
    /// All of the user's conversations (`/ws?hold=1`). Each is paused until the client resumes it.
    Held,
}

/// One WebSocket.
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Connection {
    pub id: ConnectionId,
    pub user_id: UserId,
    pub session_id: SessionId,
    pub scope: Scope,
    pub send_queue: Arc<SendQueue>,
    /// `None` before the connection is registered, and after it left the registry.
    subscriptions: Mutex<Option<SubscriptionSet>>,
    membership_version: AtomicI64,
    blocks_version: AtomicI64,
    receipts: AtomicU8,
    is_away: AtomicBool,
}

/// The value of `receipts` while it is not known if the user sends read receipts.
const RECEIPTS_UNKNOWN: u8 = 0;
/// The user sends read receipts, and sees those of others.
const RECEIPTS_ON: u8 = 1;
/// The user has switched read receipts off.
const RECEIPTS_OFF: u8 = 2;

/// The versions of a connection that is still opening. They are greater than every version of the store.
const NOT_COMPARED: i64 = i64::MAX;
/// The membership version, if the user's memberships changed meanwhile.
const REPAIR_DUE: i64 = i64::MAX - 1;

/// The state of one subscription of a connection.
#[derive(Clone, Copy, Default)]
pub(super) struct SubscriptionState {
    /// The number after which the subscription is live. `None` while it is paused.
    pub(super) live_from: Option<Seq>,
    /// The newest head that a heartbeat announced, or the number after which the subscription is live.
    pub(super) announced: Seq,
}

impl Connection {
    /// A connection that is not registered yet.
    pub fn new(caller: &Caller, scope: Scope, send_queue: Arc<SendQueue>) -> Arc<Self> {
        send_queue.set_user(caller.user_id);
        Arc::new(Self {
            id: ConnectionId::new(),
            user_id: caller.user_id,
            session_id: caller.session_id,
            scope,
            send_queue,
            subscriptions: Mutex::new(None),
            membership_version: AtomicI64::new(NOT_COMPARED),
            blocks_version: AtomicI64::new(NOT_COMPARED),
            receipts: AtomicU8::new(RECEIPTS_UNKNOWN),
            is_away: AtomicBool::new(false),
        })
    }

    /// Returns true if the user is away from this connection.
    pub fn is_away(&self) -> bool {
        self.is_away.load(Ordering::Relaxed)
    }

    /// Records if the user is away from this connection. Returns true if that is new.
    pub fn set_away(&self, is_away: bool) -> bool {
        self.is_away.swap(is_away, Ordering::Relaxed) != is_away
    }

    /// Returns true if the user sends read receipts, so that the connection may be sent those of others. While the setting is not known, it is
    /// sent none.
    pub fn sends_receipts(&self) -> bool {
        self.receipts.load(Ordering::Relaxed) == RECEIPTS_ON
    }

    /// Records that the user has switched read receipts on or off.
    pub fn set_sends_receipts(&self, sends_receipts: bool) {
        self.receipts.store(if sends_receipts { RECEIPTS_ON } else { RECEIPTS_OFF }, Ordering::Relaxed);
    }

    /// Records the setting as it was read while the connection was set up. A change that was recorded meanwhile is newer.
    pub fn init_sends_receipts(&self, sends_receipts: bool) {
        let value = if sends_receipts { RECEIPTS_ON } else { RECEIPTS_OFF };
        // It fails if the setting is known already.
        let _ = self.receipts.compare_exchange(RECEIPTS_UNKNOWN, value, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Records the setting as it is in the store, if it is `before`, as it was when the store was asked. A change that was recorded meanwhile is
    /// newer.
    pub fn correct_sends_receipts(&self, before: bool, sends_receipts: bool) {
        let value = |sends_receipts| if sends_receipts { RECEIPTS_ON } else { RECEIPTS_OFF };
        let (before, value) = (value(before), value(sends_receipts));
        // It fails too if the setting is not known yet.
        let _ = self.receipts.compare_exchange(before, value, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Returns the number after which the subscription to this conversation is live. `None` if it is not live.
    pub fn live_from(&self, conversation_id: ConversationId) -> Option<Seq> {
        self.subscriptions().as_ref()?.get(conversation_id)?.live_from
    }

    /// Returns true if the connection has a subscription to this conversation, live or paused.
    pub fn is_subscribed(&self, conversation_id: ConversationId) -> bool {
        self.subscriptions().as_ref().is_some_and(|subscriptions| subscriptions.get(conversation_id).is_some())
    }

    /// The conversations of this range to which the connection has a subscription, in order.
    pub fn conversations_in(&self, range: &RangeInclusive<ConversationId>) -> Vec<ConversationId> {
        let subscriptions = self.subscriptions();
        let entries = subscriptions.as_ref().map(|subscriptions| subscriptions.range(range)).unwrap_or_default();
        entries.iter().map(|(id, _)| *id).collect()
    }

    /// Returns the memory that the subscriptions do not use, after the last one of many was added.
    pub fn shrink_subscriptions(&self) {
        if let Some(subscriptions) = self.subscriptions().as_mut() {
            subscriptions.entries.shrink_to_fit();
        }
    }

    /// The user's newest membership version with which the subscriptions were compared. A connection that is still opening has
    /// one that is greater than all others.
    pub fn membership_version(&self) -> i64 {
        self.membership_version.load(Ordering::Relaxed)
    }

    /// Sets the membership version with which the subscriptions were compared. Returns true if the connection was opening and its
    /// [repair was put off](Connection::put_off_repair).
    pub fn set_membership_version(&self, version: i64) -> bool {
        self.membership_version.swap(version, Ordering::AcqRel) == REPAIR_DUE
    }

    /// Puts off a repair of the subscriptions to when the connection is open. Returns false if it is open already.
    pub fn put_off_repair(&self) -> bool {
        let put_off =
            self.membership_version.compare_exchange(NOT_COMPARED, REPAIR_DUE, Ordering::AcqRel, Ordering::Acquire);
        matches!(put_off, Ok(_) | Err(REPAIR_DUE))
    }

    /// The version of the user's blocks by which the connection was sent presence.
    pub fn blocks_version(&self) -> i64 {
        self.blocks_version.load(Ordering::Relaxed)
    }

    /// Records the version of the user's blocks that was read before the connection is sent presence.
    pub fn set_blocks_version(&self, version: i64) {
        self.blocks_version.store(version, Ordering::Relaxed);
    }

    /// Counts a change of the user's blocks, of which the connection is sent the presence that it hides or shows.
    pub fn count_blocks_change(&self) {
        let counted = |version| Some(version).filter(|version| *version != NOT_COMPARED).map(|version| version + 1);
        // It fails while the connection is opening: what that reads includes the change, or the next comparison finds it.
        let _ = self.blocks_version.fetch_update(Ordering::Relaxed, Ordering::Relaxed, counted);
    }

    /// Records the version as it is in the store, if it is `before`, as it was when the store was asked. A change that was counted meanwhile is newer.
    /// Returns true if the connection was sent presence by another version.
    pub fn correct_blocks_version(&self, before: i64, version: i64) -> bool {
        let is_other = before != NOT_COMPARED && before != version;
        is_other && self.blocks_version.compare_exchange(before, version, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Returns true if the subscription to this conversation is live. `None` after the connection left the registry, because it
    /// receives nothing any more.
    pub fn is_live(&self, conversation_id: ConversationId) -> Option<bool> {
        Some(self.subscriptions().as_ref()?.get(conversation_id).is_some_and(|state| state.live_from.is_some()))
    }

    /// Locks the subscriptions. A caller that needs a room's lock too takes this one first.
    pub(super) fn subscriptions(&self) -> MutexGuard<'_, Option<SubscriptionSet>> {
        self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The result of [`SubscriptionSet::insert`].
pub(super) enum Insertion {
    New,
    Exists,
    /// The memory budget has no room for it. The connection must be closed in this way, because it would miss events.
    NoRoom(Close),
}

/// The subscriptions of a connection, in the order of the conversations' ids. Most connections have one, and few have many.
pub(super) struct SubscriptionSet {
    entries: Vec<(ConversationId, SubscriptionState)>,
    /// The memory of the entries and of their rooms. `None` after the budget had no room. The connection is then about to leave, and its other
    /// entries count no more, so that the other connections of its user can stay.
    charge: Option<Charge>,
    /// The last conversation that a heartbeat compared. The next heartbeat goes on after it.
    last_compared: Option<ConversationId>,
}

impl SubscriptionSet {
    pub(super) fn new(charge: Charge) -> Self {
        Self { entries: Vec::new(), charge: Some(charge), last_compared: None }
    }

    fn position(&self, id: ConversationId) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&id, |(other, _)| *other)
    }

    pub(super) fn get(&self, id: ConversationId) -> Option<&SubscriptionState> {
        Some(&self.entries.get(self.position(id).ok()?)?.1)
    }

    pub(super) fn get_mut(&mut self, id: ConversationId) -> Option<&mut SubscriptionState> {
        let index = self.position(id).ok()?;
        Some(&mut self.entries.get_mut(index)?.1)
    }

    /// Adds a paused subscription.
    pub(super) fn insert(&mut self, id: ConversationId) -> Insertion {
        let Err(index) = self.position(id) else { return Insertion::Exists };
        let Some(charge) = &mut self.charge else { return Insertion::NoRoom(Close::OVERLOADED) };
        if !charge.resize((self.entries.len() + 1) * SUBSCRIPTION_BYTES) {
            let is_users_share = charge.exceeds_share(SUBSCRIPTION_BYTES);
            self.charge = None;
            return Insertion::NoRoom(if is_users_share { Close::TOO_MANY_CONNECTIONS } else { Close::OVERLOADED });
        }
        if self.entries.is_empty() {
            self.entries.reserve_exact(1);
        }
        self.entries.insert(index, (id, SubscriptionState::default()));
        Insertion::New
    }

    pub(super) fn remove(&mut self, id: ConversationId) -> Option<SubscriptionState> {
        let index = self.position(id).ok()?;
        let (_, state) = self.entries.remove(index);
        if let Some(charge) = &mut self.charge {
            charge.resize(self.entries.len() * SUBSCRIPTION_BYTES);
        }
        Some(state)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ConversationId, SubscriptionState)> {
        self.entries.iter().copied()
    }

    fn range(&self, range: &RangeInclusive<ConversationId>) -> &[(ConversationId, SubscriptionState)] {
        let start = self.entries.partition_point(|(id, _)| id < range.start());
        let end = self.entries.partition_point(|(id, _)| id <= range.end());
        self.entries.get(start..end).unwrap_or_default()
    }

    /// Returns the last conversation that a heartbeat compared, and the number of subscriptions.
    pub(super) fn announcements(&self) -> (Option<ConversationId>, usize) {
        (self.last_compared, self.entries.len())
    }

    /// Returns the subscriptions after that of `compared`, at most `limit`. After the last one come the first ones.
    pub(super) fn after(
        &self,
        compared: Option<ConversationId>,
        limit: usize,
    ) -> &[(ConversationId, SubscriptionState)] {
        let next = compared.map_or(0, |compared| self.entries.partition_point(|(id, _)| *id <= compared));
        let start = if next == self.entries.len() { 0 } else { next };
        let end = self.entries.len().min(start + limit);
        self.entries.get(start..end).unwrap_or_default()
    }

    /// Records the last conversation that a heartbeat compared, and the heads that it announced.
    pub(super) fn set_announced(&mut self, compared: Option<ConversationId>, heads: &[(ConversationId, Seq)]) {
        self.last_compared = compared;
        for (id, head) in heads {
            if let Some(state) = self.get_mut(*id) {
                state.announced = *head;
            }
        }
    }
}
