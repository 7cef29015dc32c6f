//! Gap repair: events that this node did not receive are read from the store.
//!
//! The bus is a hint and the table is the truth. Three things reveal a gap: an event that does not follow the watermark, a command
//! whose first try was committed although its answer was lost, and the store's own numbers, which every node compares with its own
//! once a heartbeat and whenever the bus comes back (see `sync::reconcile`).

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::time::timeout;

use super::encode::encode;
use super::envelopes::{envelope_of, is_plain};
use crate::bus::{Envelope, Inbox};
use crate::domain::event::Event;
use crate::domain::{ConversationId, Error, Result, UserId};
use crate::limits;
use crate::registry::Registry;
use crate::store::Store;

/// Repairs that are due soon. Bounded by the number of conversations and users that are connected here.
#[derive(Default)]
pub struct RepairQueue {
    requested: Mutex<Repairs>,
    not_empty: Notify,
}

/// A set of repairs.
#[derive(Default)]
pub struct Repairs {
    /// Conversations of which events are missing.
    pub conversations: HashSet<ConversationId>,
    /// Users whose subscriptions may differ from their memberships.
    pub users: HashSet<UserId>,
    /// Anything may be missing.
    pub everything: bool,
}

impl Repairs {
    /// Returns true if nothing is to be repaired.
    pub fn is_empty(&self) -> bool {
        !self.everything && self.conversations.is_empty() && self.users.is_empty()
    }
}

impl RepairQueue {
    /// Requests the missing events of a conversation.
    pub fn request_conversation(&self, id: ConversationId) {
        self.add(|repairs| _ = repairs.conversations.insert(id));
    }

    /// Requests a comparison of a user's subscriptions with their memberships.
    pub fn request_user(&self, id: UserId) {
        self.add(|repairs| _ = repairs.users.insert(id));
    }

    /// Requests a comparison of everything.
    pub fn request_everything(&self) {
        self.add(|repairs| repairs.everything = true);
    }

    /// Waits until something is requested, and takes all of it.
    pub async fn take(&self) -> Repairs {
        self.not_empty.notified().await;
        std::mem::take(&mut self.requested.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Requests once more what failed.
    pub fn retry(&self, failed: Repairs) {
        self.add(|repairs| {
            repairs.conversations.extend(failed.conversations);
            repairs.users.extend(failed.users);
            repairs.everything |= failed.everything;
        });
    }

    fn add(&self, change: impl FnOnce(&mut Repairs)) {
        change(&mut self.requested.lock().unwrap_or_else(PoisonError::into_inner));
        self.not_empty.notify_one();
    }
}

/// Reads missing events from the store and delivers them.
pub struct GapRepair {
    store: Arc<dyn Store>,
    registry: Arc<Registry>,
    inbox: Arc<dyn Inbox>,
    queue: Arc<RepairQueue>,
}

impl GapRepair {
    /// Repairs the gaps of a registry from a store, through the inbox that all events go through.
    pub fn new(
        store: &Arc<dyn Store>,
        registry: &Arc<Registry>,
        inbox: Arc<dyn Inbox>,
        queue: Arc<RepairQueue>,
    ) -> Self {
        Self { store: Arc::clone(store), registry: Arc::clone(registry), inbox, queue }
    }

    /// The connections to which gaps are delivered.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// The repairs that are done in the background.
    pub fn queue(&self) -> &Arc<RepairQueue> {
        &self.queue
    }

    /// Delivers every event that the store has and this node has not delivered.
    pub async fn backfill(&self, id: ConversationId) -> Result<()> {
        while let Some(watermark) = self.registry.watermark(id) {
            let page = self.store.events(id, watermark, limits::CATCH_UP_PAGE).await?;
            let (mut next, mut plain) = (watermark + 1, Vec::new());
            for event in &page {
                if event.seq > next {
                    // The table is damaged. Better to go on without a number than to be silent for good.
                    tracing::error!(conversation_id = %id, from = next, to = event.seq - 1, "numbers are missing in the store");
                    self.hand_over(&mut plain);
                    self.registry.skip_gap(id, event.seq - 1);
                }
                next = event.seq + 1;
                if is_plain(event) {
                    plain.push(event);
                } else {
                    self.hand_over(&mut plain);
                    self.inbox.deliver_remote(envelope_of(event, self.store.as_ref(), &self.registry).await);
                }
            }
            self.hand_over(&mut plain);
            if page.len() < limits::CATCH_UP_PAGE {
                break;
            }
        }
        Ok(())
    }

    /// Delivers consecutive events, in one write for each recipient.
    fn hand_over(&self, events: &mut Vec<&Event>) {
        if !events.is_empty() {
            self.inbox.deliver_remote(Envelope::Events(encode(events.drain(..))));
        }
    }

    /// Backfills within [`limits::BACKFILL_TIMEOUT`]. Returns the conversations that were not finished, after requesting their repair.
    pub async fn backfill_now(&self, mut ids: HashSet<ConversationId>) -> HashSet<ConversationId> {
        let filling = async {
            while let Some(&id) = ids.iter().next() {
                self.backfill(id).await?;
                ids.remove(&id);
            }
            Ok::<_, Error>(())
        };
        // The conversations that failed, or were not begun, stay in `ids`.
        let _ = timeout(limits::BACKFILL_TIMEOUT, filling).await;
        for id in &ids {
            self.queue.request_conversation(*id);
        }
        ids
    }
}
