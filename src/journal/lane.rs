//! A lane: commits batch after batch, delivers each, and then answers.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use futures_util::future::join;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::batch::{Batch, Job, next_batch};
use crate::bus::{Bus, Envelope};
use crate::delivery::{GapRepair, encode, envelope_of, is_plain};
use crate::domain::command::{Command, NewMessage, Outcome};
use crate::domain::event::Event;
use crate::domain::{Code, ConversationId, Error, Result, Seq};
use crate::limits;
use crate::registry::EncodedEvents;
use crate::store::Store;

/// One of the journal's lanes.
pub(super) struct Lane {
    pub(super) number: usize,
    pub(super) store: Arc<dyn Store>,
    pub(super) bus: Arc<dyn Bus>,
    pub(super) gap_repair: Arc<GapRepair>,
}

/// What a batch has for others.
#[derive(Default)]
struct Publication {
    /// Where something was committed before it that this node has not delivered.
    holes: HashSet<ConversationId>,
    /// Events that go together.
    plain: Vec<EncodedEvents>,
    /// Events that go each by itself.
    others: Vec<Event>,
}

/// A batch whose outcomes are known, and nobody else knows yet.
struct CommittedBatch {
    jobs: Vec<Job>,
    outcomes: Vec<Result<Outcome>>,
}

/// Whether it is known what became of a command: what is unavailable may have been committed.
fn is_known(outcome: &Result<Outcome>) -> bool {
    outcome.as_ref().err().is_none_or(|error| error.code != Code::Unavailable)
}

impl CommittedBatch {
    /// Whether it is known of all what became of them.
    fn is_known(&self) -> bool {
        self.outcomes.iter().all(is_known)
    }
}

impl Lane {
    pub(super) async fn run(self, queue: mpsc::Receiver<Job>, stop: CancellationToken) {
        let mut waiting = Waiting::new(queue);
        let mut backoff = Backoff::up_to(limits::RETRY_PAUSE_MAX);
        let mut was_commands = false;
        let mut done: Option<CommittedBatch> = None;
        loop {
            if waiting.jobs.is_empty() && done.is_none() {
                tokio::select! {
                    biased;
                    // After `close` the queue still gives what was admitted, and then says that it is empty.
                    () = stop.cancelled(), if !waiting.queue.is_closed() => { waiting.queue.close(); continue }
                    more = waiting.arrive() => if !more { return },
                }
            }
            waiting.gather();
            // Where little waits it waits on, so that what arrives while the last batch is delivered joins it.
            let is_worth_it = waiting.jobs.len() >= limits::OVERLAP_MIN_COMMANDS
                && done.as_ref().is_some_and(|last| self.can_overlap(last));
            let unknown = match done.take() {
                Some(last) if !is_worth_it => self.tell(last).await,
                last => {
                    // Commands and sends take turns, so that neither keeps the other waiting.
                    let Some(batch) = next_batch(&mut waiting.jobs, was_commands) else { continue };
                    was_commands = matches!(batch, Batch::Commands(_));
                    let tell_last = async { if let Some(last) = last { self.tell(last).await } else { Vec::new() } };
                    let (committed, unknown) = join(self.commit_batch(batch, &mut waiting), tell_last).await;
                    done = Some(committed);
                    unknown
                }
            };
            if !unknown.is_empty() {
                for job in unknown.into_iter().rev() {
                    waiting.jobs.push_front(job);
                }
                backoff.pause().await;
                waiting.expire();
            } else if done.as_ref().is_none_or(CommittedBatch::is_known) && backoff.reset() {
                // Something may have been committed that was told as unavailable.
                self.gap_repair.queue().request_everything();
            }
        }
    }

    /// Whether the next batch may be committed before this one is told. What is not known may have to come before it, what goes
    /// alone changes what others may do, and what stands behind a hole may have to wait.
    fn can_overlap(&self, last: &CommittedBatch) -> bool {
        let mut seen = HashSet::new();
        let is_plain = |(job, outcome): (&Job, &Result<Outcome>)| match outcome {
            Ok(Outcome::Committed(event)) => {
                let id = event.conversation_id;
                job.write.as_send().is_some() && (!seen.insert(id) || !self.is_ahead(id, event.seq - 1))
            }
            Ok(Outcome::Duplicate(_) | Outcome::NoChange) => false,
            Err(_) => is_known(outcome),
        };
        last.jobs.iter().zip(&last.outcomes).all(is_plain)
    }

    /// Commits a batch. Meanwhile, the writes that have waited for too long, in it or behind it, are answered.
    async fn commit_batch(&self, batch: Batch, waiting: &mut Waiting) -> CommittedBatch {
        let (jobs, outcomes) = match batch {
            Batch::Sends(jobs) => {
                let sends: Arc<[NewMessage]> = jobs.iter().filter_map(|job| job.write.as_send().cloned()).collect();
                let commit = |part| self.store.commit(self.number, part);
                patiently(in_halves(sends, commit), jobs, waiting).await
            }
            Batch::Commands(jobs) => {
                let commands: Arc<[Command]> = jobs.iter().filter_map(|job| job.write.as_command().cloned()).collect();
                let apply = |part| self.store.apply(self.number, part);
                patiently(in_halves(commands, apply), jobs, waiting).await
            }
        };
        CommittedBatch { jobs, outcomes }
    }

    /// Delivers a batch and answers. Returns what the store may have committed or not, to be tried again, which ids make safe.
    async fn tell(&self, CommittedBatch { mut jobs, outcomes }: CommittedBatch) -> Vec<Job> {
        let held_up = self.deliver(self.news(&jobs, &outcomes)).await;
        // What stands behind a hole nobody has heard of yet, so it is not acknowledged yet either: it is looked up again.
        let undelivered =
            (!held_up.is_empty()).then(|| Error::unavailable("what comes before a message cannot be read"));
        let mut outcomes = outcomes.into_iter();
        let registry = self.gap_repair.registry();
        jobs.retain_mut(|job| {
            let Some(outcome) = outcomes.next() else { return false };
            let id = job.write.conversation_id();
            let told = match &undelivered {
                Some(error) if outcome.is_ok() && job.write.as_send().is_some() && held_up.contains(&id) => {
                    Err(error.clone())
                }
                _ => outcome,
            };
            let is_unknown = told.as_ref().is_err_and(|error| error.code == Code::Unavailable);
            let again = job.answer(told, registry);
            if is_unknown && !again {
                self.gap_repair.queue().request_conversation(id);
            }
            again
        });
        jobs
    }

    /// What there is to deliver of a batch.
    fn news(&self, jobs: &[Job], outcomes: &[Result<Outcome>]) -> Publication {
        let mut news = Publication::default();
        let mut plain = Vec::with_capacity(outcomes.len());
        for (job, outcome) in jobs.iter().zip(outcomes) {
            match outcome {
                Ok(Outcome::Committed(event)) if is_plain(event) => plain.push(event),
                Ok(Outcome::Committed(event)) => news.others.push(event.clone()),
                Ok(Outcome::Duplicate(message)) => {
                    // Its first try may have been committed under a number that we were not told.
                    if job.in_doubt || self.is_ahead(message.conversation_id, message.seq) {
                        news.holes.insert(message.conversation_id);
                    }
                }
                Ok(Outcome::NoChange) | Err(_) => {}
            }
        }
        news.plain = encode(plain.into_iter());
        let plain = news.plain.iter().map(|run| (run.conversation_id, run.first_seq));
        let others = news.others.iter().map(|event| (event.conversation_id, event.seq));
        news.holes.extend(plain.chain(others).filter(|(id, seq)| self.is_ahead(*id, seq - 1)).map(|(id, _)| id));
        news
    }

    /// Delivers what happened, and before it what happened without our knowing. Returns where the latter could not be read.
    async fn deliver(&self, news: Publication) -> HashSet<ConversationId> {
        let held_up = if news.holes.is_empty() { news.holes } else { self.gap_repair.backfill_now(news.holes).await };
        if !news.plain.is_empty() {
            self.bus.publish(Envelope::Events(news.plain));
        }
        for event in &news.others {
            self.bus.publish(envelope_of(event, self.store.as_ref(), self.gap_repair.registry()).await);
        }
        held_up
    }

    /// Whether a number was committed that this node has not delivered: by another node, or by a try whose answer was lost.
    fn is_ahead(&self, id: ConversationId, seq: Seq) -> bool {
        self.gap_repair.registry().watermark(id).is_some_and(|watermark| watermark < seq)
    }
}

/// Commits a batch with `commit`. One that is refused for its data is tried in halves, so that only the offender gets the error.
async fn in_halves<T: Clone, Fut>(batch: Arc<[T]>, commit: impl Fn(Arc<[T]>) -> Fut) -> Vec<Result<Outcome>>
where
    Fut: Future<Output = Result<Vec<Result<Outcome>>>>,
{
    let mut outcomes = Vec::with_capacity(batch.len());
    let whole = batch.len();
    let mut parts = vec![batch];
    while let Some(part) = parts.pop() {
        match commit(Arc::clone(&part)).await {
            Ok(done) => outcomes.extend(done),
            // What follows is not tried either, or it would overtake what is tried again.
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

/// What was admitted and is not committed yet.
struct Waiting {
    queue: mpsc::Receiver<Job>,
    /// Taken from the queue, at most so many as fit into it.
    jobs: VecDeque<Job>,
}

impl Waiting {
    fn new(queue: mpsc::Receiver<Job>) -> Self {
        Self { queue, jobs: VecDeque::with_capacity(limits::BATCH_ROWS_MAX) }
    }

    /// Waits for the next job. Says no once the queue is closed and empty.
    async fn arrive(&mut self) -> bool {
        let job = self.queue.recv().await;
        let more = job.is_some();
        self.jobs.extend(job);
        more
    }

    /// Takes from the queue what is there.
    fn gather(&mut self) {
        while self.jobs.len() < limits::JOURNAL_QUEUE_MAX
            && let Ok(job) = self.queue.try_recv()
        {
            self.jobs.push_back(job);
        }
    }

    /// Tells those whose time is over.
    fn expire(&mut self) {
        self.jobs.iter_mut().for_each(Job::expire);
        self.jobs.retain(|job| !job.is_answered());
    }
}

/// Waits for a try, which the store bounds, and tells everybody whose time is over before it ends. The try goes on: its connection
/// to the store may be on its way, and what it commits late does no harm.
async fn patiently<T>(work: impl Future<Output = T>, mut jobs: Vec<Job>, waiting: &mut Waiting) -> (Vec<Job>, T) {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return (jobs, done),
            () = sleep(limits::RETRY_PAUSE_MAX) => {
                jobs.iter_mut().for_each(Job::expire);
                waiting.gather();
                waiting.expire();
            }
        }
    }
}
