//! A lane: commits batch after batch, delivers each, and then answers.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::batch::{Batch, Job, next_batch};
use super::encode::encode;
use super::patience::Patience;
use crate::bus::{Bus, Parcel};
use crate::chat::Healer;
use crate::chat::parcels::parcel_of;
use crate::domain::command::{Command, Outcome, Send};
use crate::domain::event::Event;
use crate::domain::{Code, ConversationId, Error, Result, Seq};
use crate::limits;
use crate::registry::Run;
use crate::store::Store;

/// One of the journal's lanes.
pub(super) struct Lane {
    pub(super) number: usize,
    pub(super) store: Arc<dyn Store>,
    pub(super) bus: Arc<dyn Bus>,
    pub(super) healer: Arc<Healer>,
}

/// What a batch has for others.
#[derive(Default)]
struct News {
    /// Where something was committed before it that this node has not delivered.
    holes: HashSet<ConversationId>,
    /// The messages.
    sent: Vec<Run>,
    /// What else happened.
    others: Vec<Event>,
}

impl Lane {
    pub(super) async fn run(self, mut queue: mpsc::Receiver<Job>, stop: CancellationToken) {
        // Taken from the queue and not committed yet: at most a batch.
        let mut waiting = VecDeque::new();
        let mut arrived = Vec::with_capacity(limits::BATCH_ROWS);
        let mut patience = Patience::new();
        loop {
            let room = limits::BATCH_ROWS.saturating_sub(waiting.len());
            if waiting.is_empty() {
                tokio::select! {
                    biased;
                    // After `close` the queue still gives what was admitted, and then says that it is empty.
                    () = stop.cancelled(), if !queue.is_closed() => { queue.close(); continue }
                    count = queue.recv_many(&mut arrived, room) => if count == 0 { return },
                }
            } else {
                while arrived.len() < room
                    && let Ok(job) = queue.try_recv()
                {
                    arrived.push(job);
                }
            }
            waiting.extend(arrived.drain(..));
            let Some(batch) = next_batch(&mut waiting) else { continue };
            let unknown = self.commit_and_tell(batch, &mut waiting, &mut queue).await;
            if unknown.is_empty() {
                patience.renew();
                continue;
            }
            for job in unknown.into_iter().rev() {
                waiting.push_front(job);
            }
            patience.pause().await;
        }
    }

    /// Commits a batch, delivers it and answers. Returns what the store may have committed or not, to be tried again, which ids
    /// make safe. Meanwhile, whoever has waited for too long, here or in what is `waiting`, is told so.
    async fn commit_and_tell(
        &self,
        batch: Batch,
        waiting: &mut VecDeque<Job>,
        queue: &mut mpsc::Receiver<Job>,
    ) -> Vec<Job> {
        let (mut jobs, outcomes) = match batch {
            Batch::Sends(jobs) => {
                let sends: Vec<Send> = jobs.iter().filter_map(|job| job.command.as_send().cloned()).collect();
                patiently(self.commit(&sends), jobs, waiting, queue).await
            }
            Batch::Alone(job) => {
                let command = job.command.clone();
                patiently(self.commit_alone(&command), vec![job], waiting, queue).await
            }
        };
        let held_up = self.deliver(self.news(&jobs, &outcomes)).await;
        // What stands behind a hole nobody has heard of yet, so it is not acknowledged yet either: it is looked up again.
        let undelivered =
            (!held_up.is_empty()).then(|| Error::unavailable("what comes before a message cannot be read"));
        let mut outcomes = outcomes.into_iter();
        let registry = &self.healer.registry;
        jobs.retain_mut(|job| {
            let Some(outcome) = outcomes.next() else { return false };
            let waits = job.command.as_send().is_some() && held_up.contains(&job.command.conversation_id());
            let told = match &undelivered {
                Some(error) if waits && outcome.is_ok() => Err(error.clone()),
                _ => outcome,
            };
            job.answer(told, registry)
        });
        jobs
    }

    /// What there is to deliver of a batch.
    fn news(&self, jobs: &[Job], outcomes: &[Result<Outcome>]) -> News {
        let mut news = News::default();
        let mut sent = Vec::with_capacity(outcomes.len());
        for (job, outcome) in jobs.iter().zip(outcomes) {
            match outcome {
                Ok(Outcome::Fresh(event)) if job.command.as_send().is_some() => sent.push(event),
                Ok(Outcome::Fresh(event)) => news.others.push(event.clone()),
                Ok(Outcome::Repeated(message)) => {
                    // Its first try may have been committed under a number that we were not told.
                    if job.in_doubt || self.is_ahead(message.conversation_id, message.seq) {
                        news.holes.insert(message.conversation_id);
                    }
                }
                Ok(Outcome::Unchanged) | Err(_) => {}
            }
        }
        news.sent = encode(sent.into_iter());
        let sent = news.sent.iter().map(|run| (run.conversation_id, run.first_seq));
        let others = news.others.iter().map(|event| (event.message.conversation_id, event.seq));
        news.holes.extend(sent.chain(others).filter(|(id, seq)| self.is_ahead(*id, seq - 1)).map(|(id, _)| id));
        news
    }

    /// Delivers what happened, and before it what happened without our knowing. Returns where the latter could not be read.
    async fn deliver(&self, news: News) -> HashSet<ConversationId> {
        let held_up = if news.holes.is_empty() { news.holes } else { self.healer.fill_now(news.holes).await };
        if !news.sent.is_empty() {
            self.bus.publish(Parcel::Numbered(news.sent));
        }
        for event in &news.others {
            self.bus.publish(parcel_of(event, self.store.as_ref(), &self.healer.registry).await);
        }
        held_up
    }

    /// Whether a number was committed that this node has not delivered: by another node, or by a try whose answer was lost.
    fn is_ahead(&self, id: ConversationId, seq: Seq) -> bool {
        self.healer.registry.watermark(id).is_some_and(|watermark| watermark < seq)
    }

    /// Commits a batch. One that is refused for its data is tried in halves, so that only the offender gets the error.
    async fn commit(&self, sends: &[Send]) -> Vec<Result<Outcome>> {
        let mut outcomes = Vec::with_capacity(sends.len());
        let mut parts = vec![sends];
        while let Some(part) = parts.pop() {
            match self.store.commit(self.number, part).await {
                Ok(done) => outcomes.extend(done),
                Err(error) if part.len() == 1 || error.code == Code::Unavailable => {
                    outcomes.extend(part.iter().map(|_| Err(error.clone())));
                }
                Err(_) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
            }
        }
        outcomes
    }

    async fn commit_alone(&self, command: &Command) -> Vec<Result<Outcome>> {
        match command {
            Command::Send(send) => self.commit(std::slice::from_ref(send)).await,
            Command::Revise(revision) => vec![self.store.revise(self.number, revision).await],
            Command::Change(change) => vec![self.store.change(self.number, change).await],
        }
    }
}

/// Waits for a try, which the store bounds, and tells everybody whose time is over before it ends. The try goes on: its connection
/// to the store may be on its way, and what it commits late does no harm. Those who are still in the queue arrived later than
/// everybody here, so they are looked at once nobody here waits for an answer.
async fn patiently<T>(
    work: impl Future<Output = T>,
    mut jobs: Vec<Job>,
    waiting: &mut VecDeque<Job>,
    queue: &mut mpsc::Receiver<Job>,
) -> (Vec<Job>, T) {
    let mut work = std::pin::pin!(work);
    let mut more = true;
    let mut arrived = Vec::new();
    loop {
        let all = jobs.iter().chain(waiting.iter());
        let soonest = all.filter_map(Job::deadline).min();
        tokio::select! {
            biased;
            done = &mut work => return (jobs, done),
            () = sleep_until(soonest.unwrap_or_else(Instant::now)), if soonest.is_some() => {
                jobs.iter_mut().chain(waiting.iter_mut()).for_each(Job::expire);
                waiting.retain(|job| job.deadline().is_some());
            }
            count = queue.recv_many(&mut arrived, limits::BATCH_ROWS), if soonest.is_none() && more => {
                more = count > 0;
                waiting.extend(arrived.drain(..));
            }
        }
    }
}
