//! The worker that writes the index.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::queue::{IndexQueue, Waiting};
use super::turns::{Behind, Turns};
use crate::domain::message_search::{IndexPosition, IndexStep, IndexVersion, IndexedEvent, WORDS_VERSION, index_step};
use crate::domain::{ConversationId, Result, Timestamp};
use crate::limits;
use crate::store::Store;

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
        let mut turns = Turns::default();
        loop {
            if turns.is_empty() {
                self.queue.wait().await;
                sleep(limits::INDEX_PAUSE).await;
            }
            if !self.follow_a_turn(&mut turns).await {
                // The store has logged its failure. How far the conversations are is read again.
                self.queue.ask_for(turns.take_all());
                sleep(limits::RECONCILE_RETRY_PAUSE).await;
            }
        }
    }

    /// Indexes the events that wait, and then a batch of the conversations of which the store is asked: however long they are, what is new does
    /// not wait for their ends. Returns false if the store failed.
    async fn follow_a_turn(&self, turns: &mut Turns) -> bool {
        let Waiting { events, mut conversations, .. } = self.queue.take();
        let indexed = self.index_events(events).await;
        let is_indexed = indexed.is_ok();
        conversations.extend(indexed.unwrap_or_else(|unindexed| unindexed));
        let new = turns.note(conversations);
        is_indexed && self.add_positions(turns, &new).await.is_ok() && self.take_turn(turns).await.is_ok()
    }

    async fn add_positions(&self, turns: &mut Turns, ids: &[ConversationId]) -> Result<()> {
        for page in ids.chunks(limits::INDEX_SCAN_PAGE) {
            turns.add(self.store.index_positions_of(WORDS_VERSION, page).await?);
        }
        Ok(())
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

    /// Indexes conversations to their ends.
    async fn index(&self, positions: Vec<IndexPosition>) -> Result<()> {
        let mut turns = Turns::default();
        turns.add(positions);
        while !turns.is_empty() {
            self.take_turn(&mut turns).await?;
        }
        Ok(())
    }

    /// Deletes some of what is left over of a conversation, and writes a batch.
    async fn take_turn(&self, turns: &mut Turns) -> Result<()> {
        if let Some(id) = turns.next_left_over() {
            if self.store.sweep_index(WORDS_VERSION, id, limits::SWEPT_ROWS).await? {
                turns.go_on_sweeping(id);
            } else {
                turns.remove(id);
            }
            sleep(limits::SWEEP_PAUSE).await;
        }
        let (steps, unfinished) = self.next_batch(turns).await?;
        if steps.is_empty() {
            return Ok(());
        }
        let ids: Vec<ConversationId> = steps.iter().map(|step| step.conversation_id).collect();
        let (left_out, elapsed) = self.write(steps).await?;
        for id in ids {
            turns.remove(id);
        }
        unfinished.into_iter().filter(|(id, _)| !left_out.contains(id)).for_each(|behind| turns.go_on(behind));
        // Another node or the scan was faster with these, and may have known fewer events.
        let again = turns.note(left_out);
        self.add_positions(turns, &again).await?;
        if !turns.is_empty() {
            // Other writes have at least as much of the writer's time.
            sleep(elapsed).await;
        }
        Ok(())
    }

    /// Makes the next batch: its steps, and the conversations that have further events, each with the number from which it goes on.
    async fn next_batch(&self, turns: &mut Turns) -> Result<(Vec<IndexStep>, Vec<Behind>)> {
        let (mut steps, mut unfinished) = (Vec::new(), Vec::new());
        let (mut missing, mut bytes) = (self.batch_messages.load(Ordering::Relaxed), 0);
        while missing > 0 && bytes < limits::INDEX_BATCH_BYTES {
            let Some((id, after)) = turns.next_behind(steps.is_empty()) else { break };
            let page = missing.min(limits::CATCH_UP_PAGE);
            let events = self.store.events_to_index(id, after, page).await?;
            let indexed = events.iter().map(IndexedEvent::of);
            let Some(step) = index_step(id, after, indexed) else {
                turns.remove(id);
                continue;
            };
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
