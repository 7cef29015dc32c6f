//! The worker that writes the index.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::queue::{IndexQueue, Waiting};
use crate::domain::message_search::{IndexPosition, IndexStep, IndexVersion, IndexedEvent, WORDS_VERSION, index_step};
use crate::domain::{ConversationId, Result, Seq, Timestamp};
use crate::limits;
use crate::store::Store;

/// A conversation with events that are not indexed, and the number up to which it is.
type Behind = (ConversationId, Seq);

/// Indexes messages, in batches between which other writes have their turn.
pub struct IndexWorker {
    store: Arc<dyn Store>,
    queue: Arc<IndexQueue>,
    /// The messages of a batch, as many as the store writes in [`limits::INDEX_BATCH_TIME`].
    batch_messages: AtomicUsize,
}

impl IndexWorker {
    /// Returns a worker that has done nothing yet.
    pub fn new(store: &Arc<dyn Store>, queue: &Arc<IndexQueue>) -> Self {
        Self {
            store: Arc::clone(store),
            queue: Arc::clone(queue),
            batch_messages: AtomicUsize::new(limits::INDEX_BATCH_MESSAGES),
        }
    }

    /// Works until `stop`: on what this node commits, and beside it on what scans find.
    pub async fn run(self, stop: CancellationToken) {
        let work = async { tokio::join!(self.follow(), self.scan_repeatedly()) };
        stop.run_until_cancelled(work).await;
    }

    /// Indexes what this node commits.
    async fn follow(&self) {
        loop {
            self.queue.wait().await;
            sleep(limits::INDEX_PAUSE).await;
            let Waiting { events, mut conversations, .. } = self.queue.take();
            let is_indexed = match self.index_events(events).await {
                Ok(others) => {
                    conversations.extend(others);
                    let ids: Vec<_> = conversations.iter().copied().collect();
                    self.index_conversations(&ids).await.is_ok()
                }
                Err(unindexed) => {
                    conversations.extend(unindexed);
                    false
                }
            };
            if !is_indexed {
                // The store has logged its failure.
                self.queue.ask_for(conversations);
                sleep(limits::RECONCILE_RETRY_PAUSE).await;
            }
        }
    }

    /// Indexes events. Returns the conversations of which the index has not everything before them: another node or another command
    /// committed that. The error has all conversations of the events.
    async fn index_events(
        &self,
        events: Vec<IndexedEvent>,
    ) -> Result<HashSet<ConversationId>, HashSet<ConversationId>> {
        let ids: HashSet<_> = events.iter().map(|event| event.conversation_id).collect();
        let (mut waiting, mut others) = (VecDeque::from(events), HashSet::new());
        while !waiting.is_empty() {
            let steps = steps_of(self.next_events(&mut waiting), &mut others);
            let Ok((left_out, elapsed)) = self.write(steps).await else { return Err(ids) };
            others.extend(left_out);
            if !waiting.is_empty() {
                // Other writes have at least as much of the writer's time.
                sleep(elapsed).await;
            }
        }
        Ok(others)
    }

    /// Takes the events of the next batch.
    fn next_events(&self, waiting: &mut VecDeque<IndexedEvent>) -> Vec<IndexedEvent> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < self.batch_messages.load(Ordering::Relaxed) && bytes < limits::INDEX_BATCH_BYTES {
            let Some(event) = waiting.pop_front() else { break };
            bytes += event.bytes();
            batch.push(event);
        }
        batch
    }

    async fn index_conversations(&self, ids: &[ConversationId]) -> Result<()> {
        for page in ids.chunks(limits::INDEX_SCAN_PAGE) {
            self.index(self.store.index_positions_of(WORDS_VERSION, page).await?).await?;
        }
        Ok(())
    }

    /// Indexes conversations to their ends. Each batch takes a page of each conversation in turn, so that none waits for a long one.
    async fn index(&self, positions: Vec<IndexPosition>) -> Result<()> {
        for left_over in positions.iter().filter(|position| position.is_left_over()) {
            self.sweep(WORDS_VERSION, left_over.conversation_id).await?;
        }
        let behind = |position: IndexPosition| position.behind().map(|after| (position.conversation_id, after));
        let mut waiting: VecDeque<_> = positions.into_iter().filter_map(behind).collect();
        while !waiting.is_empty() {
            let (steps, unfinished) = self.next_batch(&mut waiting).await?;
            // A conversation that is left out was indexed by another node.
            let (_, elapsed) = self.write(steps).await?;
            waiting.extend(unfinished);
            if !waiting.is_empty() {
                // Other writes have at least as much of the writer's time.
                sleep(elapsed).await;
            }
        }
        Ok(())
    }

    /// Takes the next batch from what waits: its steps, and the conversations that have further events, each with the number from which it
    /// goes on.
    async fn next_batch(&self, waiting: &mut VecDeque<Behind>) -> Result<(Vec<IndexStep>, Vec<Behind>)> {
        let (mut steps, mut unfinished) = (Vec::new(), Vec::new());
        let (mut missing, mut bytes) = (self.batch_messages.load(Ordering::Relaxed), 0);
        while missing > 0 && bytes < limits::INDEX_BATCH_BYTES {
            let Some((id, after)) = waiting.pop_front() else { break };
            let page = missing.min(limits::CATCH_UP_PAGE);
            let events = self.store.events_to_index(id, after, page).await?;
            let indexed = events.iter().map(IndexedEvent::of);
            let Some(step) = index_step(id, after, indexed) else { continue };
            missing -= events.len().min(missing);
            bytes += text_bytes(&step);
            if events.len() == page {
                unfinished.push((id, step.up_to));
            }
            steps.push(step);
        }
        Ok((steps, unfinished))
    }

    /// Writes a batch, and sets the size of the next one. Returns the conversations that the store left out, and the time that it took. A store
    /// that gives up gets smaller batches, so that one is written in the end.
    async fn write(&self, steps: Vec<IndexStep>) -> Result<(Vec<ConversationId>, Duration)> {
        let started = Instant::now();
        let written = self.store.index_messages(WORDS_VERSION, steps).await;
        let (elapsed, size) = (started.elapsed(), self.batch_messages.load(Ordering::Relaxed));
        let next = if written.is_err() || elapsed > 2 * limits::INDEX_BATCH_TIME {
            size / 2
        } else if elapsed < limits::INDEX_BATCH_TIME / 2 {
            size * 2
        } else {
            size
        };
        self.batch_messages.store(next.clamp(1, limits::INDEX_BATCH_MESSAGES), Ordering::Relaxed);
        written.map(|left_out| (left_out, elapsed))
    }

    async fn sweep(&self, version: i64, id: ConversationId) -> Result<()> {
        while self.store.sweep_index(version, id, limits::SWEPT_ROWS).await? {
            sleep(limits::SWEEP_PAUSE).await;
        }
        Ok(())
    }

    /// Scans at the start and once in an interval.
    async fn scan_repeatedly(&self) {
        loop {
            let is_done = self.scan().await.is_ok();
            sleep(if is_done { limits::INDEX_SCAN_INTERVAL } else { limits::RECONCILE_RETRY_PAUSE }).await;
        }
    }

    /// Indexes all conversations that are not indexed to their ends. Removes indexes that no node uses any more.
    async fn scan(&self) -> Result<()> {
        let (started, versions) = (Instant::now(), self.store.index_versions().await?);
        let own = versions.iter().find(|index| index.version == WORDS_VERSION);
        let was_complete = own.is_some_and(|index| index.is_complete);
        let index = IndexVersion { version: WORDS_VERSION, is_complete: was_complete, used_at: Timestamp::now() };
        self.store.set_index_version(index).await?;
        let mut pages = Pages::of(WORDS_VERSION);
        while let Some(page) = pages.next(&*self.store).await? {
            self.index(page).await?;
        }
        if !was_complete {
            self.store.set_index_version(IndexVersion { is_complete: true, ..index }).await?;
            if started.elapsed() > limits::INDEX_PAUSE {
                tracing::info!(elapsed = ?started.elapsed(), "messages of before can be found by their words");
            }
        }
        let unused_since = Timestamp::now().minus(limits::INDEX_VERSION_KEPT);
        for index in versions.iter().filter(|index| index.version != WORDS_VERSION && index.used_at < unused_since) {
            let mut pages = Pages::of(index.version);
            while let Some(page) = pages.next(&*self.store).await? {
                for position in page.iter().filter(|position| position.indexed.is_some()) {
                    self.sweep(index.version, position.conversation_id).await?;
                }
            }
            self.store.forget_index_version(index.version).await?;
        }
        Ok(())
    }
}

/// Reads how far all conversations are indexed, page by page.
struct Pages {
    version: i64,
    /// The least conversation that was not read. `None` after the last page.
    first: Option<ConversationId>,
}

impl Pages {
    fn of(version: i64) -> Self {
        Self { version, first: Some(ConversationId::FIRST) }
    }

    /// Reads the next page, after a pause. Returns `None` after the last one.
    async fn next(&mut self, store: &dyn Store) -> Result<Option<Vec<IndexPosition>>> {
        let Some(first) = self.first else { return Ok(None) };
        if first != ConversationId::FIRST {
            sleep(limits::INDEX_SCAN_PAUSE).await;
        }
        let page = store.index_positions(self.version, first, limits::INDEX_SCAN_PAGE).await?;
        let last = page.last().filter(|_| page.len() == limits::INDEX_SCAN_PAGE);
        self.first = last.and_then(|last| last.conversation_id.next());
        Ok(Some(page))
    }
}

fn text_bytes(step: &IndexStep) -> usize {
    step.entries.iter().filter_map(|entry| entry.words.as_ref()).map(|words| words.as_str().len()).sum()
}

/// Returns a step for each conversation of a batch. A conversation of which an event is missing gets none, and is added to `others`.
fn steps_of(events: Vec<IndexedEvent>, others: &mut HashSet<ConversationId>) -> Vec<IndexStep> {
    let mut conversations: HashMap<ConversationId, Vec<IndexedEvent>> = HashMap::new();
    for event in events {
        conversations.entry(event.conversation_id).or_default().push(event);
    }
    let mut steps = Vec::with_capacity(conversations.len());
    for (id, events) in conversations {
        if others.contains(&id) || events.windows(2).any(|pair| pair[1].seq != pair[0].seq + 1) {
            others.insert(id);
            continue;
        }
        let after = events.first().map_or(0, |event| event.seq - 1);
        steps.extend(index_step(id, after, events));
    }
    steps
}
