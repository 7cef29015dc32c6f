//! A lane: commits batch after batch, delivers each, and then answers.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Reply;
use super::batch::{Batch, Job, next_batch};
use super::encode::encode;
use super::patience::Patience;
use crate::bus::{Bus, Joined, Parcel};
use crate::chat::subject::subject_of;
use crate::domain::command::{Change, Command, Outcome, Send};
use crate::domain::message::{Message, Note};
use crate::domain::{Code, ConversationId, Result, Seq, UserId};
use crate::limits;
use crate::registry::{Close, Registry, Run};
use crate::store::{Range, Store};
use crate::wire::frames;

/// One of the journal's lanes.
pub(super) struct Lane {
    pub(super) number: usize,
    pub(super) store: Arc<dyn Store>,
    pub(super) bus: Arc<dyn Bus>,
    pub(super) registry: Arc<Registry>,
}

impl Lane {
    pub(super) async fn run(self, mut queue: mpsc::Receiver<Job>, stop: CancellationToken) {
        // Taken from the queue and not committed yet: at most a batch.
        let mut waiting = VecDeque::new();
        let mut arrived = Vec::with_capacity(limits::BATCH_ROWS);
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
            match next_batch(&mut waiting) {
                Some(Batch::Sends(jobs)) => self.commit_sends(jobs).await,
                Some(Batch::Change(change, reply)) => self.commit_change(&change, reply).await,
                None => {}
            }
        }
    }

    async fn commit_sends(&self, jobs: Vec<Job>) {
        let mut sends = Vec::with_capacity(jobs.len());
        let mut replies = Vec::with_capacity(jobs.len());
        for job in jobs {
            if let Command::Send(send) = job.command {
                sends.push(send);
                replies.push(job.reply);
            }
        }
        let outcomes = self.commit(&sends).await;
        let news = outcomes.iter().filter_map(|outcome| self.news(outcome.as_ref().ok()?, false));
        let runs = encode(news);
        for run in &runs {
            self.fill_hole_before(run.conversation_id, run.first_seq).await;
        }
        if !runs.is_empty() {
            self.bus.publish(Parcel::Numbered(runs));
        }
        for (reply, outcome) in replies.into_iter().zip(outcomes) {
            reply(outcome);
        }
    }

    /// Commits a batch. One that is refused for its data is tried in halves, so that only the offender gets the error.
    async fn commit(&self, sends: &[Send]) -> Vec<Result<Outcome>> {
        let mut outcomes = Vec::with_capacity(sends.len());
        let mut parts = vec![sends];
        while let Some(part) = parts.pop() {
            let mut patience = Patience::new();
            let committed = loop {
                match self.store.commit(self.number, part).await {
                    Err(error) if patience.lasts(&error).await => {}
                    done => break done,
                }
            };
            match committed {
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

    async fn commit_change(&self, change: &Change, reply: Reply) {
        let mut patience = Patience::new();
        let outcome = loop {
            match self.store.change(self.number, change).await {
                Err(error) if patience.lasts(&error).await => {}
                done => break done,
            }
        };
        if let Some(message) = outcome.as_ref().ok().and_then(|outcome| self.news(outcome, patience.was_needed)) {
            self.fill_hole_before(message.conversation_id, message.seq).await;
            self.bus.publish(self.moved(message).await);
        }
        reply(outcome);
    }

    /// The message that is still to be delivered: a fresh one, or one whose first try was committed without our knowing.
    fn news<'a>(&self, outcome: &'a Outcome, in_doubt: bool) -> Option<&'a Message> {
        match outcome {
            Outcome::Fresh(message) => Some(message),
            Outcome::Repeated(message) => {
                let watermark = self.registry.watermark(message.conversation_id);
                (in_doubt || watermark.is_some_and(|watermark| watermark < message.seq)).then_some(message)
            }
            Outcome::Unchanged => None,
        }
    }

    /// Delivers what lies between this node's watermark and `seq`: committed by another process, or by a try whose answer was
    /// lost.
    async fn fill_hole_before(&self, id: ConversationId, seq: Seq) {
        while let Some(watermark) = self.registry.watermark(id).filter(|watermark| watermark + 1 < seq) {
            let missing = usize::try_from(seq - 1 - watermark).unwrap_or(usize::MAX).min(limits::CATCH_UP_PAGE);
            let page = match self.store.messages(id, Range::After(watermark), missing).await {
                Ok(page) if page.is_empty() => return,
                Ok(page) => page,
                Err(error) => {
                    // Somebody may have been removed in the hole: all come back, and are asked anew who they are.
                    tracing::warn!(%error, conversation_id = %id, "a hole could not be read");
                    self.registry.seats(id).iter().for_each(|seat| seat.connection.outbox.close(Close::OVERLOADED));
                    return;
                }
            };
            for message in &page {
                self.bus.publish(match message.note {
                    Some(_) => self.moved(message).await,
                    None => Parcel::Numbered(encode(std::iter::once(message))),
                });
            }
        }
    }

    /// The parcel of a change, with the member or the conversation as it is now.
    async fn moved(&self, message: &Message) -> Parcel {
        let conversation_id = message.conversation_id;
        // The event is committed: if this cannot be read, it goes without, and clients ask.
        let subject = subject_of(message, self.store.as_ref(), &self.registry).await.unwrap_or_default();
        let mut frames = Vec::new();
        frames::put_event(&mut frames, message, &subject);
        let ends = vec![frames.len()];
        let run = Run { conversation_id, first_seq: message.seq, frames: frames.into(), ends };
        let (joined, left) = match message.note {
            Some(Note::MemberAdded { user_id, .. }) => {
                (Some(Joined { user_id, told: self.told_of(conversation_id, user_id).await }), None)
            }
            Some(Note::MemberRemoved { user_id }) => (None, Some(user_id)),
            _ => (None, None),
        };
        Parcel::Moved { run, joined, left }
    }

    async fn told_of(&self, id: ConversationId, user_id: UserId) -> Option<Bytes> {
        let conversation = self.store.conversation(id).await.ok().flatten()?;
        let version = self.store.membership_version(user_id).await.ok()?;
        Some(frames::conversation_told("conversation.created", &conversation, version))
    }
}
