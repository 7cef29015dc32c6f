//! The journal: where commands are batched, committed, delivered and acknowledged, in this order and in this one place.
//!
//! Natural batching: while one batch is under way, the next gathers. There are no timers, so that under light load a batch
//! is one command, and under heavy load batches grow by themselves. A conversation always uses the same lane, so its
//! batches follow one another, and the next one starts when the last is in every outbox.

use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::subject::subject_of;
use crate::bus::{Bus, Joined, Parcel};
use crate::domain::command::{Change, Command, Outcome, Send};
use crate::domain::message::{Message, Note};
use crate::domain::{Code, ConversationId, Error, Result, Seq, UserId};
use crate::limits;
use crate::registry::{Registry, Run};
use crate::store::{Range, Store};
use crate::wire::frames::{self, Subject};

/// Called once with what became of a command, after it was delivered.
pub type Reply = Box<dyn FnOnce(Result<Outcome>) + std::marker::Send>;

/// A command that waits, and whoever waits for it.
struct Job {
    command: Command,
    reply: Reply,
}

/// Where commands are admitted.
pub struct Journal {
    lanes: Vec<mpsc::Sender<Job>>,
}

impl Journal {
    /// Starts a lane for each batch that the store can commit at a time.
    pub fn start(
        store: &Arc<dyn Store>,
        bus: &Arc<dyn Bus>,
        registry: &Arc<Registry>,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        let start_lane = |number| {
            let (sender, queue) = mpsc::channel(limits::JOURNAL_QUEUE);
            let (store, bus, registry) = (Arc::clone(store), Arc::clone(bus), Arc::clone(registry));
            let lane = Lane { number, store, bus, registry };
            tasks.spawn(supervised(lane.run(queue, stop.clone())));
            sender
        };
        Self { lanes: (0..store.lanes()).map(start_lane).collect() }
    }

    /// Admits a command. Waits while its lane is full; `busy` if the lane does not move, `draining` if it has ended.
    pub async fn submit(&self, command: Command, reply: Reply) {
        let lane = &self.lanes[lane_of(command.conversation_id(), self.lanes.len())];
        match timeout(limits::ADMISSION_TIMEOUT, lane.reserve()).await {
            Ok(Ok(place)) => place.send(Job { command, reply }),
            Ok(Err(_)) => reply(Err(Error::new(Code::Draining, "The server is about to stop."))),
            Err(_) => {
                let busy = Error::new(Code::Busy, "The journal admits nothing at the moment.");
                reply(Err(busy.after(Duration::from_secs(1))));
            }
        }
    }
}

/// A lane that panicked would leave its conversations deaf while the node looks well. Everything that was acknowledged is
/// durable, so the process ends at once and whoever started it starts it again.
async fn supervised(lane: impl Future<Output = ()>) {
    if AssertUnwindSafe(lane).catch_unwind().await.is_err() {
        tracing::error!("the journal panicked");
        std::process::abort();
    }
}

fn lane_of(id: ConversationId, lanes: usize) -> usize {
    usize::try_from(id.0.as_u128() % lanes.max(1) as u128).unwrap_or(0)
}

/// What is committed at a time.
enum Batch {
    Sends(Vec<Job>),
    Change(Box<Change>, Reply),
}

struct Lane {
    number: usize,
    store: Arc<dyn Store>,
    bus: Arc<dyn Bus>,
    registry: Arc<Registry>,
}

impl Lane {
    async fn run(self, mut queue: mpsc::Receiver<Job>, stop: CancellationToken) {
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
    /// lost. What cannot be read now is found by those who resume.
    async fn fill_hole_before(&self, id: ConversationId, seq: Seq) {
        while let Some(watermark) = self.registry.watermark(id).filter(|watermark| watermark + 1 < seq) {
            let missing = usize::try_from(seq - 1 - watermark).unwrap_or(usize::MAX).min(limits::CATCH_UP_PAGE);
            let page = match self.store.messages(id, Range::After(watermark), missing).await {
                Ok(page) if !page.is_empty() => page,
                _ => return,
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

/// How long a batch whose outcome is unknown is committed again, which its ids make safe.
struct Patience {
    deadline: Instant,
    pause: Duration,
    /// Whether there was a try whose outcome is unknown.
    was_needed: bool,
}

impl Patience {
    fn new() -> Self {
        Self { deadline: Instant::now() + limits::JOURNAL_TRIES_FOR, pause: limits::RETRY_PAUSE, was_needed: false }
    }

    /// Pauses and says yes, if another try may help and there is time for it.
    async fn lasts(&mut self, error: &Error) -> bool {
        if error.code != Code::Unavailable || Instant::now() + self.pause >= self.deadline {
            return false;
        }
        self.was_needed = true;
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(Duration::from_secs(1));
        true
    }
}

/// Takes the next batch from what waits: sends, up to the bounds, or one change.
///
/// A send whose id, or whose `reply_to`, is in the batch already waits for the next one, and so does everything behind it,
/// or behind a change, in the same conversation: what one client sends keeps its order.
fn next_batch(waiting: &mut VecDeque<Job>) -> Option<Batch> {
    if let Some(Job { command: Command::Change(_), .. }) = waiting.front() {
        let Job { command: Command::Change(change), reply } = waiting.pop_front()? else { return None };
        return Some(Batch::Change(Box::new(change), reply));
    }
    let mut batch = Vec::with_capacity(waiting.len().min(limits::BATCH_ROWS));
    let (mut ids, mut stopped, mut bytes) = (HashSet::new(), HashSet::new(), 0);
    let mut later = VecDeque::new();
    while batch.len() < limits::BATCH_ROWS && bytes < limits::BATCH_BYTES {
        let Some(job) = waiting.pop_front() else { break };
        let conversation_id = job.command.conversation_id();
        let joins = match &job.command {
            Command::Change(_) => false,
            Command::Send(send) => {
                bytes += send.content.as_str().len();
                !stopped.contains(&conversation_id)
                    && send.reply_to.is_none_or(|id| !ids.contains(&(conversation_id, id)))
                    && ids.insert((conversation_id, send.id))
            }
        };
        if joins {
            batch.push(job);
        } else {
            stopped.insert(conversation_id);
            later.push_back(job);
        }
    }
    later.append(waiting);
    *waiting = later;
    (!batch.is_empty()).then_some(Batch::Sends(batch))
}

/// Encodes a commit's fresh messages once, in commit order: for each conversation one run, or more where another process
/// numbered something between two halves of a batch.
pub fn encode<'a>(messages: impl Iterator<Item = &'a Message>) -> Vec<Run> {
    struct Encoding {
        conversation_id: ConversationId,
        first_seq: Seq,
        next_seq: Seq,
        frames: Vec<u8>,
        ends: Vec<usize>,
    }
    let mut runs: Vec<Encoding> = Vec::new();
    let mut newest: HashMap<ConversationId, usize> = HashMap::new();
    for message in messages {
        let (conversation_id, seq) = (message.conversation_id, message.seq);
        let index = match newest.get(&conversation_id) {
            Some(&index) if runs[index].next_seq == seq => index,
            _ => {
                let (frames, ends) = (Vec::with_capacity(512), Vec::new());
                runs.push(Encoding { conversation_id, first_seq: seq, next_seq: seq, frames, ends });
                newest.insert(conversation_id, runs.len() - 1);
                runs.len() - 1
            }
        };
        let run = &mut runs[index];
        frames::put_event(&mut run.frames, message, &Subject::default());
        run.ends.push(run.frames.len());
        run.next_seq = seq + 1;
    }
    let finish = |run: Encoding| Run {
        conversation_id: run.conversation_id,
        first_seq: run.first_seq,
        frames: run.frames.into(),
        ends: run.ends,
    };
    runs.into_iter().map(finish).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::{Batch, Job, next_batch};
    use crate::domain::command::{Action, Change, Command, Send};
    use crate::domain::conversation::Title;
    use crate::domain::message::Content;
    use crate::domain::{ConversationId, MessageId, Timestamp, UserId};
    use crate::limits;

    fn send(conversation_id: ConversationId, id: MessageId, reply_to: Option<MessageId>) -> Job {
        let content = Content::parse("hi".to_owned()).expect("short");
        let sender_id = UserId::new();
        let timestamp = Timestamp(0);
        let command = Command::Send(Send { conversation_id, id, sender_id, content, reply_to, timestamp });
        Job { command, reply: Box::new(drop) }
    }

    fn change(conversation_id: ConversationId) -> Job {
        let action = Action::Rename { name: Title::stored("x".to_owned()) };
        let (id, actor_id) = (MessageId::new(), UserId::new());
        let command = Command::Change(Change { conversation_id, id, actor_id, action, timestamp: Timestamp(0) });
        Job { command, reply: Box::new(drop) }
    }

    /// The conversations of each batch, with a change as a batch of its own.
    fn batches(jobs: impl IntoIterator<Item = Job>) -> Vec<Vec<ConversationId>> {
        let mut waiting: VecDeque<Job> = jobs.into_iter().collect();
        let mut batches = Vec::new();
        while let Some(batch) = next_batch(&mut waiting) {
            batches.push(match batch {
                Batch::Sends(jobs) => jobs.iter().map(|job| job.command.conversation_id()).collect(),
                Batch::Change(change, _) => vec![change.conversation_id],
            });
        }
        assert!(waiting.is_empty());
        batches
    }

    #[test]
    fn an_id_stands_once_in_a_batch() {
        let (a, b, id) = (ConversationId::new(), ConversationId::new(), MessageId::new());
        let jobs = [send(a, id, None), send(a, id, None), send(a, MessageId::new(), None), send(b, id, None)];
        assert_eq!(batches(jobs), [vec![a, b], vec![a, a]]);
    }

    #[test]
    fn a_reply_waits_for_what_it_replies_to() {
        let (a, id) = (ConversationId::new(), MessageId::new());
        assert_eq!(batches([send(a, id, None), send(a, MessageId::new(), Some(id))]), [vec![a], vec![a]]);
        let earlier = Some(MessageId::new());
        assert_eq!(batches([send(a, id, None), send(a, MessageId::new(), earlier)]), [vec![a, a]]);
    }

    #[test]
    fn a_change_stands_alone_and_keeps_its_place_in_its_conversation() {
        let (a, b) = (ConversationId::new(), ConversationId::new());
        let new = |conversation_id| send(conversation_id, MessageId::new(), None);
        assert_eq!(batches([new(a), change(a), new(a), new(b)]), [vec![a, b], vec![a], vec![a]]);
    }

    #[test]
    fn batches_are_bounded() {
        let a = ConversationId::new();
        let many = (0..=limits::BATCH_ROWS).map(|_| send(a, MessageId::new(), None));
        assert_eq!(batches(many).iter().map(Vec::len).collect::<Vec<_>>(), [limits::BATCH_ROWS, 1]);
    }
}
