//! Gap repair: reads events that this node did not receive from the store.
//!
//! The bus may lose events, and the store has all of them. Three things reveal a gap: an event that does not follow the watermark, a
//! write whose first try was committed although its outcome was lost, and the store's newest numbers. Every node compares those with its
//! own once per heartbeat interval, and whenever the bus reconnects (see `sync::reconcile`).

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::encode::encode;
use super::envelopes::{can_share_envelope, envelope_of};
use crate::bus::{Envelope, Inbox};
use crate::domain::event::Event;
use crate::domain::{ConversationId, Error, Result, UserId};
use crate::limits;
use crate::registry::Registry;
use crate::store::{Store, hide_deleted_names};

/// Repairs that were requested and not taken yet. Bounded by the numbers of conversations and users with connections to this node.
#[derive(Default)]
pub struct RepairQueue {
    requested: Mutex<Repairs>,
    not_empty: Notify,
}

/// A set of repairs.
#[derive(Default)]
pub struct Repairs {
    /// Conversations whose events are missing.
    pub conversations: HashSet<ConversationId>,
    /// Users whose subscriptions may differ from their memberships.
    pub users: HashSet<UserId>,
    /// Compares all conversations, users and sessions with the store.
    pub everything: bool,
}

impl Repairs {
    /// Returns true if no repair is in the set.
    pub fn is_empty(&self) -> bool {
        !self.everything && self.conversations.is_empty() && self.users.is_empty()
    }
}

impl RepairQueue {
    /// Requests a backfill of a conversation.
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

    /// Waits for a request, and takes all that were made.
    pub async fn take(&self) -> Repairs {
        self.not_empty.notified().await;
        std::mem::take(&mut self.requested.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Requests failed repairs again.
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
    /// Reads events from `store`, and delivers them to the connections of `registry` through `inbox`, as all events are.
    pub fn new(
        store: &Arc<dyn Store>,
        registry: &Arc<Registry>,
        inbox: Arc<dyn Inbox>,
        queue: Arc<RepairQueue>,
    ) -> Self {
        Self { store: Arc::clone(store), registry: Arc::clone(registry), inbox, queue }
    }

    /// Returns the connections to which missing events are delivered.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Returns the queue of repairs that are made in the background.
    pub fn queue(&self) -> &Arc<RepairQueue> {
        &self.queue
    }

    /// Delivers all events of a conversation that the store has and this node has not delivered.
    pub async fn backfill(&self, id: ConversationId) -> Result<()> {
        while let Some(watermark) = self.registry.watermark(id) {
            let mut page = self.store.events(id, watermark, limits::CATCH_UP_PAGE).await?;
            hide_deleted_names(&*self.store, page.iter_mut().filter_map(|event| event.message.as_mut())).await?;
            let (mut next, mut batched) = (watermark + 1, Vec::new());
            for event in &page {
                if event.seq > next {
                    // The table is damaged. The node skips the missing numbers, or the conversation would deliver nothing for good.
                    tracing::error!(conversation_id = %id, from = next, to = event.seq - 1, "numbers are missing in the store");
                    self.deliver_batched(&mut batched);
                    self.registry.skip_gap(id, event.seq - 1);
                }
                next = event.seq + 1;
                if can_share_envelope(event) {
                    batched.push(event);
                } else {
                    self.deliver_batched(&mut batched);
                    let deadline = Instant::now() + limits::BACKFILL_TIMEOUT;
                    self.inbox.deliver_remote(envelope_of(event, self.store.as_ref(), &self.registry, deadline).await);
                }
            }
            self.deliver_batched(&mut batched);
            if page.len() < limits::CATCH_UP_PAGE {
                break;
            }
        }
        Ok(())
    }

    /// Delivers consecutive events, in one write per recipient.
    fn deliver_batched(&self, events: &mut Vec<&Event>) {
        if !events.is_empty() {
            self.inbox.deliver_remote(Envelope::Events(encode(events.drain(..))));
        }
    }

    /// Backfills conversations within [`limits::BACKFILL_TIMEOUT`]. Requests a repair of those that are not finished by then, and returns
    /// them.
    pub async fn backfill_now(&self, mut ids: HashSet<ConversationId>) -> HashSet<ConversationId> {
        let backfills = async {
            while let Some(&id) = ids.iter().next() {
                self.backfill(id).await?;
                ids.remove(&id);
            }
            Ok::<_, Error>(())
        };
        // A conversation that failed, or was not started, stays in `ids`.
        let _ = timeout(limits::BACKFILL_TIMEOUT, backfills).await;
        for id in &ids {
            self.queue.request_conversation(*id);
        }
        ids
    }
}
