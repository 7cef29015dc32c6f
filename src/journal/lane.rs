//! A lane: commits one batch after another, delivers each, and then replies.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use futures_util::future::{join, join_all};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::CommitObserver;
use super::backoff::Backoff;
use super::batch::{Batch, Job, next_batch};
use crate::bus::{Bus, Envelope};
use crate::delivery::{GapRepair, can_share_envelope, encode, envelope_of};
use crate::domain::command::{Command, NewMessage, Outcome};
use crate::domain::event::Event;
use crate::domain::{Code, ConversationId, Error, Result, Seq};
use crate::limits;
use crate::registry::EncodedEvents;
use crate::store::{Generation, Store};

/// A lane of the journal.
pub(super) struct Lane {
    pub(super) number: usize,
    pub(super) store: Arc<dyn Store>,
    pub(super) bus: Arc<dyn Bus>,
    pub(super) gap_repair: Arc<GapRepair>,
    pub(super) observer: Arc<dyn CommitObserver>,
}

/// The events of a batch.
#[derive(Default)]
struct Publication {
    /// Conversations that have committed events before the batch's that this node has not delivered.
    gaps: HashSet<ConversationId>,
    /// Events that share one envelope.
    batched: Vec<EncodedEvents>,
    /// Events that need an envelope each.
    single: Vec<Event>,
}

/// A batch that the store has answered and that is not delivered yet.
struct CommittedBatch {
    generation: Generation,
    jobs: Vec<Job>,
    outcomes: Vec<Result<Outcome>>,
}

/// Returns false if the store may or may not have committed the write.
fn is_known(outcome: &Result<Outcome>) -> bool {
    outcome.as_ref().err().is_none_or(|error| error.code != Code::Unavailable)
}

impl CommittedBatch {
    fn is_known(&self) -> bool {
        self.outcomes.iter().all(is_known)
    }
}

impl Lane {
    pub(super) async fn run(self, queue: mpsc::Receiver<Job>, stop: CancellationToken) {
        let mut pending = PendingJobs::new(queue);
        let mut backoff = Backoff::up_to(limits::RETRY_PAUSE_MAX);
        let mut was_commands = false;
        let mut committed: Option<CommittedBatch> = None;
        loop {
            if pending.jobs.is_empty() && committed.is_none() {
                tokio::select! {
                    biased;
                    // A closed queue still returns the jobs that were admitted, and then ends.
                    () = stop.cancelled(), if !pending.queue.is_closed() => { pending.queue.close(); continue }
                    is_open = pending.receive() => if !is_open { return },
                }
            }
            pending.receive_ready();
            // A few jobs wait for the delivery of the last batch, so that jobs that arrive meanwhile join them.
            let is_overlapping = pending.jobs.len() >= limits::OVERLAP_MIN_WRITES
                && committed.as_ref().is_some_and(|last| self.can_overlap(last));
            let unknown = match committed.take() {
                Some(last) if !is_overlapping => self.deliver_and_reply(last).await,
                last => {
                    // Batches of commands and of sends alternate, so that neither kind keeps the other waiting.
                    let Some(batch) = next_batch(&mut pending.jobs, was_commands) else { continue };
                    was_commands = matches!(batch, Batch::Commands(_));
                    let deliver_last = async {
                        match last {
                            Some(last) => self.deliver_and_reply(last).await,
                            None => Vec::new(),
                        }
                    };
                    let (next, unknown) = join(self.commit_batch(batch, &mut pending), deliver_last).await;
                    committed = Some(next);
                    unknown
                }
            };
            if !unknown.is_empty() {
                for job in unknown.into_iter().rev() {
                    pending.jobs.push_front(job);
                }
                backoff.pause().await;
                pending.expire();
            } else if committed.as_ref().is_none_or(CommittedBatch::is_known) && backoff.reset() {
                // The store may have committed a write whose caller got `unavailable`.
                self.gap_repair.queue().request_everything();
            }
        }
    }

    /// Returns true if the next batch can be committed before this one is delivered. A write with an unknown outcome may have to come
    /// before the next batch. An event with an envelope of its own changes what other users may do. An event behind a gap may have to
    /// wait.
    fn can_overlap(&self, last: &CommittedBatch) -> bool {
        let mut seen = HashSet::new();
        let has_no_effect_on_next = |(job, outcome): (&Job, &Result<Outcome>)| match outcome {
            Ok(Outcome::Committed(event)) => {
                let id = event.conversation_id;
                job.write.as_send().is_some() && (!seen.insert(id) || !self.is_undelivered(id, event.seq - 1))
            }
            Ok(Outcome::Merged | Outcome::Duplicate(_) | Outcome::NoChange) => false,
            Err(_) => is_known(outcome),
        };
        last.jobs.iter().zip(&last.outcomes).all(has_no_effect_on_next)
    }

    /// Commits a batch. Meanwhile it replies to jobs that have waited for too long, in the batch or behind it.
    async fn commit_batch(&self, batch: Batch, pending: &mut PendingJobs) -> CommittedBatch {
        let generation = Generation::of(&*self.store);
        let (jobs, outcomes) = match batch {
            Batch::Sends(jobs) => {
                let sends: Arc<[NewMessage]> = jobs.iter().filter_map(|job| job.write.as_send().cloned()).collect();
                let commit = |part| self.store.commit(self.number, part);
                run_and_expire(in_halves(sends, commit), jobs, pending).await
            }
            Batch::Commands(jobs) => {
                let commands: Arc<[Command]> = jobs.iter().filter_map(|job| job.write.as_command().cloned()).collect();
                let apply = |part| self.store.apply(self.number, part);
                run_and_expire(in_halves(commands, apply), jobs, pending).await
            }
        };
        CommittedBatch { generation, jobs, outcomes }
    }

    /// Delivers a batch and replies to its jobs. Returns the jobs that the store may or may not have committed. They are tried again,
    /// which their ids make safe.
    async fn deliver_and_reply(&self, CommittedBatch { generation, mut jobs, outcomes }: CommittedBatch) -> Vec<Job> {
        let unrepaired = self.deliver(&generation, self.publication(&jobs, &outcomes)).await;
        // No connection has received an event behind a gap, so it is not acknowledged either: the next try looks it up again.
        let undelivered =
            (!unrepaired.is_empty()).then(|| Error::unavailable("the events before a message cannot be read"));
        let replaced = (!generation.is_current())
            .then(|| Error::unavailable("another database server has taken over, which may lack a write"));
        let mut outcomes = outcomes.into_iter();
        jobs.retain_mut(|job| {
            let Some(outcome) = outcomes.next() else { return false };
            let id = job.write.conversation_id();
            let outcome = match (&replaced, &undelivered) {
                (Some(error), _) if outcome.is_ok() => Err(error.clone()),
                (_, Some(error)) if outcome.is_ok() && job.write.as_send().is_some() && unrepaired.contains(&id) => {
                    Err(error.clone())
                }
                _ => outcome,
            };
            let is_unknown = !is_known(&outcome);
            let is_retried = job.reply_unless_retried(outcome);
            if is_unknown && !is_retried {
                self.gap_repair.queue().request_conversation(id);
            }
            is_retried
        });
        jobs
    }

    /// Returns the events of a batch.
    fn publication(&self, jobs: &[Job], outcomes: &[Result<Outcome>]) -> Publication {
        let mut publication = Publication::default();
        let mut batched = Vec::with_capacity(outcomes.len());
        for (job, outcome) in jobs.iter().zip(outcomes) {
            match outcome {
                Ok(Outcome::Committed(event)) if can_share_envelope(event) => batched.push(event),
                Ok(Outcome::Committed(event)) => publication.single.push(event.clone()),
                Ok(Outcome::Duplicate(message)) => {
                    // Its first try may have been committed under a number that this node did not get.
                    if job.in_doubt || self.is_undelivered(message.conversation_id, message.seq) {
                        publication.gaps.insert(message.conversation_id);
                    }
                }
                // Its first try may have been committed.
                Ok(Outcome::NoChange) if job.in_doubt => {
                    publication.gaps.insert(job.write.conversation_id());
                }
                Ok(Outcome::Merged | Outcome::NoChange) | Err(_) => {}
            }
        }
        if jobs.first().is_some_and(|job| job.write.as_command().is_some()) {
            // Reactions to several messages of a conversation can be numbered in another order than they arrived in.
            batched.sort_unstable_by_key(|event| event.seq);
        }
        self.observer.committed(&batched);
        self.observer.committed(&publication.single.iter().collect::<Vec<_>>());
        publication.batched = encode(batched.into_iter());
        let batched = publication.batched.iter().map(|events| (events.conversation_id, events.first_seq));
        let single = publication.single.iter().map(|event| (event.conversation_id, event.seq));
        let gaps = batched.chain(single).filter(|(id, seq)| self.is_undelivered(*id, seq - 1)).map(|(id, _)| id);
        publication.gaps.extend(gaps);
        publication
    }

    /// Delivers the events of a batch, and before them the events that this node missed. Returns the conversations whose missed events
    /// could not be read.
    async fn deliver(&self, generation: &Generation, publication: Publication) -> HashSet<ConversationId> {
        let Publication { gaps, batched, single } = publication;
        let unrepaired = if gaps.is_empty() { gaps } else { self.gap_repair.backfill_now(gaps).await };
        if !batched.is_empty() {
            generation.deliver(|| self.bus.publish(Envelope::Events(batched)));
        }
        // One deadline for all, so that a store that does not answer holds up the lane no longer for many events than for one.
        let deadline = Instant::now() + limits::BACKFILL_TIMEOUT;
        let (store, registry) = (self.store.as_ref(), self.gap_repair.registry());
        for events in single.chunks(limits::DETAILS_AT_ONCE_MAX) {
            let envelopes = events.iter().map(|event| envelope_of(event, store, registry, deadline));
            for envelope in join_all(envelopes).await {
                generation.deliver(|| self.bus.publish(envelope));
            }
        }
        unrepaired
    }

    /// Returns true if this node has subscribers and has not delivered `seq`. Another node committed it, or a try with an unknown outcome.
    fn is_undelivered(&self, id: ConversationId, seq: Seq) -> bool {
        self.gap_repair.registry().watermark(id).is_some_and(|watermark| watermark < seq)
    }
}

/// Commits a batch with `commit`. A batch that is refused for its data is tried in halves, so that only the bad write gets the error.
async fn in_halves<T: Clone, Fut>(batch: Arc<[T]>, commit: impl Fn(Arc<[T]>) -> Fut) -> Vec<Result<Outcome>>
where
    Fut: Future<Output = Result<Vec<Result<Outcome>>>>,
{
    let mut outcomes = Vec::with_capacity(batch.len());
    let whole = batch.len();
    let mut parts = vec![batch];
    while let Some(part) = parts.pop() {
        match commit(Arc::clone(&part)).await {
            Ok(committed) => outcomes.extend(committed),
            // The rest is not tried either, because it would overtake the part that is tried again.
            Err(error) if error.code == Code::Unavailable => {
                outcomes.resize_with(whole, || Err(error.clone()));
                break;
            }
            Err(error) if part.len() == 1 => outcomes.push(Err(error)),
            Err(_) => {
                let (first, second) = part.split_at(part.len() / 2);
                parts.extend([second.into(), first.into()]);
            }
        }
    }
    outcomes
}

/// Jobs that were admitted and are not committed yet.
struct PendingJobs {
    queue: mpsc::Receiver<Job>,
    /// Jobs taken from the queue: at most as many as fit into it.
    jobs: VecDeque<Job>,
}

impl PendingJobs {
    fn new(queue: mpsc::Receiver<Job>) -> Self {
        Self { queue, jobs: VecDeque::with_capacity(limits::BATCH_ROWS_MAX) }
    }

    /// Waits for the next job. Returns false when the queue is closed and empty.
    async fn receive(&mut self) -> bool {
        let job = self.queue.recv().await;
        let is_open = job.is_some();
        self.jobs.extend(job);
        is_open
    }

    /// Takes jobs that are in the queue, without waiting.
    fn receive_ready(&mut self) {
        while self.jobs.len() < limits::JOURNAL_QUEUE_MAX
            && let Ok(job) = self.queue.try_recv()
        {
            self.jobs.push_back(job);
        }
    }

    /// Replies to the jobs that have waited for too long, and removes them.
    fn expire(&mut self) {
        self.jobs.iter_mut().for_each(Job::expire);
        self.jobs.retain(|job| !job.has_replied());
    }
}

/// Runs a try to commit `jobs`, which the store bounds. Meanwhile it replies to all jobs that have waited for too long. The try goes
/// on: its connection to the store may still be opening, and a late commit does no harm.
async fn run_and_expire<T>(
    work: impl Future<Output = T>,
    mut jobs: Vec<Job>,
    pending: &mut PendingJobs,
) -> (Vec<Job>, T) {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            outcome = &mut work => return (jobs, outcome),
            () = sleep(limits::RETRY_PAUSE_MAX) => {
                jobs.iter_mut().for_each(Job::expire);
                pending.receive_ready();
                pending.expire();
            }
        }
    }
}
