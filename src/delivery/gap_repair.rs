//! Gap repair: reads events that this node did not receive from the store.
//!
//! The bus may lose events, and the store has all of them. Three things reveal a gap: an event that does not follow the watermark, a
//! write whose first try was committed although its outcome was lost, and the store's newest numbers. Every node compares those with its
//! own once per heartbeat interval, and whenever the bus reconnects (see `sync::reconcile`). With a bus that carries hints alone, every
//! event of another node is read so: what is missing when a question to the store has been answered goes into the next one together.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::encode::encode;
use super::envelopes::{can_share_envelope, envelope_of};
use super::repair_queue::RepairQueue;
use crate::bus::{Envelope, Inbox};
use crate::domain::event::Event;
use crate::domain::{Code, ConversationId, Result, Seq};
use crate::limits;
use crate::registry::Registry;
use crate::store::{Generation, Store, hide_deleted_names};

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

    /// Makes the backfills that are requested, until `stop`.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let backfill = |ids| async {
            let mut missing = ids;
            let error = self.backfill_all(&mut missing).await.err()?;
            Some((missing, error))
        };
        stop.run_until_cancelled(self.queue.conversations.serve(backfill)).await;
    }

    /// Delivers all events of a conversation that the store has and this node has not delivered.
    pub async fn backfill(&self, id: ConversationId) -> Result<()> {
        self.backfill_all(&mut HashSet::from([id])).await
    }

    /// Delivers all events of conversations that the store has and this node has not delivered, with one question to the store for as many
    /// conversations as [`limits::BACKFILL_CONVERSATIONS_MAX`]. Removes a conversation from `ids` when it lacks nothing more. One that fails by
    /// itself does not stop the others.
    async fn backfill_all(&self, ids: &mut HashSet<ConversationId>) -> Result<()> {
        let mut failed = None;
        let mut waiting: VecDeque<ConversationId> = ids.iter().copied().collect();
        while !waiting.is_empty() {
            let asked = waiting.len().min(limits::BACKFILL_CONVERSATIONS_MAX);
            let asked: Vec<ConversationId> = waiting.drain(..asked).collect();
            match self.backfill_pages(&asked).await {
                Ok(unfinished) => {
                    for id in asked.iter().filter(|id| !unfinished.contains(id)) {
                        ids.remove(id);
                    }
                    // Others have their turn first.
                    waiting.extend(unfinished);
                }
                // The store does not answer, whatever it is asked.
                Err(error) if error.code == Code::Unavailable => return Err(error),
                Err(error) if asked.len() == 1 => failed = Some(error),
                // One of them cannot be read, and each is asked for by itself.
                Err(_) => {
                    for id in asked {
                        match Box::pin(self.backfill(id)).await {
                            Ok(()) => _ = ids.remove(&id),
                            Err(error) => failed = Some(error),
                        }
                    }
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Reads and delivers the next missing events of each of these conversations. Returns those that may have more.
    async fn backfill_pages(&self, ids: &[ConversationId]) -> Result<Vec<ConversationId>> {
        let after: Vec<(ConversationId, Seq)> =
            ids.iter().filter_map(|id| Some((*id, self.registry.watermark(*id)?))).collect();
        if after.is_empty() {
            return Ok(Vec::new());
        }
        let generation = Generation::of(&*self.store);
        let limit = (limits::BACKFILL_EVENTS_MAX / after.len()).min(limits::CATCH_UP_PAGE);
        let mut events = self.store.events_of(&after, limit).await?;
        hide_deleted_names(&*self.store, events.iter_mut().filter_map(|event| event.message.as_mut())).await?;
        let watermarks: HashMap<ConversationId, Seq> = after.into_iter().collect();
        let (mut batched, mut unfinished) = (Vec::new(), Vec::new());
        for page in events.chunk_by(|one, other| one.conversation_id == other.conversation_id) {
            let id = page[0].conversation_id;
            let mut next = watermarks.get(&id).map_or(page[0].seq, |watermark| watermark + 1);
            for event in page {
                if event.seq > next {
                    // The table is damaged. The node skips the missing numbers, or the conversation would deliver nothing for good.
                    tracing::error!(conversation_id = %id, from = next, to = event.seq - 1, "numbers are missing in the store");
                    self.deliver_batched(&generation, &mut batched);
                    generation.deliver(|| self.registry.skip_gap(id, event.seq - 1));
                }
                next = event.seq + 1;
                if can_share_envelope(event) {
                    batched.push(event);
                } else {
                    self.deliver_batched(&generation, &mut batched);
                    let deadline = Instant::now() + limits::BACKFILL_TIMEOUT;
                    let envelope = envelope_of(event, self.store.as_ref(), &self.registry, deadline).await;
                    generation.deliver(|| self.inbox.deliver_remote(envelope));
                }
            }
            if page.len() == limit {
                unfinished.push(id);
            }
        }
        self.deliver_batched(&generation, &mut batched);
        Ok(unfinished)
    }

    /// Delivers events, those of a conversation in order, in one write per recipient.
    fn deliver_batched(&self, generation: &Generation, events: &mut Vec<&Event>) {
        if !events.is_empty() {
            let events = encode(events.drain(..));
            generation.deliver(|| self.inbox.deliver_remote(Envelope::Events(events)));
        }
    }

    /// Backfills conversations within [`limits::BACKFILL_TIMEOUT`]. Requests a repair of those that are not finished by then, and returns
    /// them.
    pub async fn backfill_now(&self, mut ids: HashSet<ConversationId>) -> HashSet<ConversationId> {
        // A conversation that failed, or was not started, stays in `ids`.
        let _ = timeout(limits::BACKFILL_TIMEOUT, self.backfill_all(&mut ids)).await;
        for id in &ids {
            self.queue.request_conversation(*id);
        }
        ids
    }
}
