//! Unread states: informs the devices of members who have read, with the number of messages that are still unread.
//!
//! They are counted after the transaction that writes the receipts, on a connection that only reads: a count looks at up to
//! [`limits::UNREAD_SCANNED_MAX`] messages for each member. The newest state counts, so a member waits only once. The caller of an update gets its
//! answer behind the frame, and if the store does not count, without it.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::batch_size::BatchSize;
use super::pending::PendingUpdate;
use crate::bus::Bus;
use crate::domain::Code;
use crate::domain::receipt::UnreadState;
use crate::journal::Backoff;
use crate::limits;
use crate::store::{MemberId, Store};
use crate::sync::own_devices::publish_to_own_devices;
use crate::wire::frames;

/// The members whose devices are to be informed.
#[derive(Default)]
pub(super) struct UnreadStates {
    waiting: Mutex<Waiting>,
    not_empty: Notify,
}

/// Bounded by the memory to which each update is charged.
#[derive(Default)]
struct Waiting {
    /// The updates, which are written.
    updates: HashMap<MemberId, PendingUpdate>,
    /// The keys of `updates`, each once, in the order in which they came.
    order: VecDeque<MemberId>,
    /// Nobody is informed any more.
    is_closed: bool,
}

impl Waiting {
    /// Adds an update, behind those of the members who wait already.
    fn add(&mut self, member: MemberId, update: PendingUpdate) {
        match self.updates.entry(member) {
            Entry::Occupied(mut entry) => entry.get_mut().join(update),
            Entry::Vacant(entry) => {
                entry.insert(update);
                self.order.push_back(member);
            }
        }
    }

    fn take(&mut self, most: usize) -> Vec<(MemberId, PendingUpdate)> {
        let members = self.order.drain(..most.min(self.order.len()));
        members.filter_map(|member| Some((member, self.updates.remove(&member)?))).collect()
    }
}

impl UnreadStates {
    /// Adds an update that was written and changed what its member's devices show.
    pub(super) fn note(&self, member: MemberId, mut update: PendingUpdate) {
        let mut waiting = self.waiting();
        if waiting.is_closed {
            update.reply(&Ok(()));
        } else {
            waiting.add(member, update);
        }
        drop(waiting);
        self.not_empty.notify_one();
    }

    /// Counts and informs until `stop`.
    pub(super) async fn run(&self, store: &dyn Store, bus: &dyn Bus, stop: &CancellationToken) {
        let informing = async {
            let mut backoff = Backoff::up_to(limits::RECONCILE_RETRY_PAUSE);
            let mut size = BatchSize::up_to(limits::UNREAD_COUNTED_AT_ONCE);
            loop {
                let updates = self.waiting().take(size.get());
                let len = updates.len();
                if len == 0 {
                    self.not_empty.notified().await;
                } else if self.inform(store, bus, updates).await {
                    backoff.reset();
                    size.succeeded();
                } else {
                    size.failed(len);
                    backoff.pause().await;
                }
            }
        };
        stop.run_until_cancelled(informing).await;
        let mut waiting = self.waiting();
        waiting.is_closed = true;
        for update in waiting.updates.values_mut() {
            update.reply(&Ok(()));
        }
    }

    /// Informs the devices of these members. Returns false if the store did not answer. Then they wait again, behind all others: a member whom
    /// the store cannot count in time holds up nobody else.
    async fn inform(&self, store: &dyn Store, bus: &dyn Bus, mut updates: Vec<(MemberId, PendingUpdate)>) -> bool {
        let members: Vec<MemberId> = updates.iter().map(|(member, _)| *member).collect();
        let counted = store.unread_states(&members).await;
        for (member, state) in counted.iter().flatten() {
            inform(bus, *member, state);
        }
        // The callers are answered because their write is committed, whatever was counted.
        for (_, update) in &mut updates {
            update.reply(&Ok(()));
        }
        // A defect, which the store has logged, would come again.
        let is_done = counted.map_or_else(|error| error.code != Code::Unavailable, |_| true);
        if !is_done {
            let mut waiting = self.waiting();
            updates.into_iter().for_each(|(member, update)| waiting.add(member, update));
        }
        is_done
    }

    /// Recovers a poisoned lock: a panic leaves a valid list.
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends `conversation.state` to the user's connections.
fn inform(bus: &dyn Bus, (conversation_id, user_id): MemberId, state: &UnreadState) {
    publish_to_own_devices(bus, user_id, conversation_id, &frames::conversation_state(conversation_id, state));
}
