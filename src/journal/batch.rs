//! Batches: what is committed at a time.

use std::collections::{HashSet, VecDeque};

use tokio::time::Instant;

use super::Reply;
use crate::domain::command::{Command, Outcome};
use crate::domain::event::Event;
use crate::domain::{Code, Error, Result, Seq};
use crate::limits;
use crate::registry::Registry;

/// A command that waits, and whoever waits for it.
pub(super) struct Job {
    pub(super) command: Command,
    /// When it was submitted.
    arrived: Instant,
    /// Until it is answered.
    reply: Option<Reply>,
    /// A try was made whose outcome is not known.
    pub(super) in_doubt: bool,
    /// What this node had delivered in the conversation when the doubt began, if anybody listened.
    delivered: Option<Seq>,
}

impl Job {
    pub(super) fn new(command: Command, arrived: Instant, reply: Reply) -> Self {
        Self { command, arrived, reply: Some(reply), in_doubt: false, delivered: None }
    }

    /// Whether somebody was told what became of it.
    pub(super) fn is_answered(&self) -> bool {
        self.reply.is_none()
    }

    fn is_late(&self) -> bool {
        self.arrived.elapsed() >= limits::JOURNAL_TRIES_FOR
    }

    /// Answers, unless the outcome is not known and there is time for another try; then says yes.
    pub(super) fn answer(&mut self, outcome: Result<Outcome>, registry: &Registry) -> bool {
        let is_unknown = outcome.as_ref().is_err_and(|error| error.code == Code::Unavailable);
        if is_unknown && !self.is_answered() && !self.is_late() {
            if !self.in_doubt {
                self.in_doubt = true;
                self.delivered = registry.watermark(self.command.conversation_id());
            }
            return true;
        }
        self.reply_with(outcome.map(|outcome| self.told(outcome)));
        false
    }

    fn reply_with(&mut self, outcome: Result<Outcome>) {
        if let Some(reply) = self.reply.take() {
            reply(outcome);
        }
    }

    /// What was committed by a try of ours in doubt is news to everybody, to its sender too: they have sent it once, and hear of it
    /// once, when it is delivered.
    fn told(&self, outcome: Outcome) -> Outcome {
        match (outcome, self.delivered) {
            (Outcome::Repeated(message), Some(delivered))
                if message.seq > delivered && self.command.as_send().is_some() =>
            {
                Outcome::Fresh(Event::created(message))
            }
            (outcome, _) => outcome,
        }
    }

    /// Answers that the store does not, if it is time.
    pub(super) fn expire(&mut self) {
        if !self.is_answered() && self.is_late() {
            self.reply_with(Err(Error::unavailable("the journal's time is over")));
        }
    }
}

/// What is committed at a time.
pub(super) enum Batch {
    Sends(Vec<Job>),
    /// A change or a revision: rare, and decided between two round trips.
    Alone(Job),
}

/// Takes the next batch from what waits: sends, up to the bounds, or one of the others.
///
/// A send whose id, or whose `reply_to`, is in the batch already waits for the next one, and so does everything behind it,
/// or behind one that goes alone, in the same conversation: what one client sends keeps its order. With `sends_first` one that
/// goes alone lets those of other conversations pass.
pub(super) fn next_batch(waiting: &mut VecDeque<Job>, sends_first: bool) -> Option<Batch> {
    let goes_alone = |job: &Job| job.command.as_send().is_none();
    if !sends_first && waiting.front().is_some_and(goes_alone) {
        return waiting.pop_front().map(Batch::Alone);
    }
    let mut batch = Vec::with_capacity(waiting.len().min(limits::BATCH_ROWS));
    let (mut ids, mut stopped, mut bytes) = (HashSet::new(), HashSet::new(), 0);
    let mut later = VecDeque::new();
    while batch.len() < limits::BATCH_ROWS && bytes < limits::BATCH_BYTES {
        let Some(job) = waiting.pop_front() else { break };
        let conversation_id = job.command.conversation_id();
        let joins = match &job.command {
            Command::Change(_) | Command::Revise(_) => false,
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
    if batch.is_empty() { waiting.pop_front().map(Batch::Alone) } else { Some(Batch::Sends(batch)) }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use tokio::time::Instant;

    use super::{Batch, Job, next_batch};
    use crate::domain::command::{Action, Change, Command, Send};
    use crate::domain::conversation::Title;
    use crate::domain::message::Content;
    use crate::domain::{ConversationId, MessageId, Timestamp, UserId};
    use crate::limits;

    fn job(command: Command) -> Job {
        Job::new(command, Instant::now(), Box::new(drop))
    }

    fn send(conversation_id: ConversationId, id: MessageId, reply_to: Option<MessageId>) -> Job {
        let content = Content::parse("hi".to_owned()).expect("short");
        let sender_id = UserId::new();
        let timestamp = Timestamp(0);
        job(Command::Send(Send { conversation_id, id, sender_id, content, reply_to, timestamp }))
    }

    fn change(conversation_id: ConversationId) -> Job {
        let action = Action::Rename { name: Title::stored("x".to_owned()) };
        let (id, actor_id) = (MessageId::new(), UserId::new());
        job(Command::Change(Change { conversation_id, id, actor_id, action, timestamp: Timestamp(0) }))
    }

    /// The conversations of each batch, with a change as a batch of its own.
    fn batches(jobs: impl IntoIterator<Item = Job>) -> Vec<Vec<ConversationId>> {
        let mut waiting: VecDeque<Job> = jobs.into_iter().collect();
        let mut batches = Vec::new();
        while let Some(batch) = next_batch(&mut waiting, false) {
            batches.push(match batch {
                Batch::Sends(jobs) => jobs.iter().map(|job| job.command.conversation_id()).collect(),
                Batch::Alone(job) => vec![job.command.conversation_id()],
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
    fn what_goes_alone_lets_others_pass() {
        let (a, b) = (ConversationId::new(), ConversationId::new());
        let new = |conversation_id| send(conversation_id, MessageId::new(), None);
        let mut waiting: VecDeque<Job> = [change(a), change(a), new(a), new(b)].into();
        let conversations = |batch| match batch {
            Some(Batch::Sends(jobs)) => jobs.iter().map(|job| job.command.conversation_id()).collect(),
            Some(Batch::Alone(_)) | None => Vec::new(),
        };
        assert!(matches!(next_batch(&mut waiting, false), Some(Batch::Alone(_))));
        assert_eq!(conversations(next_batch(&mut waiting, true)), [b], "and nobody passes in the same conversation");
        assert!(matches!(next_batch(&mut waiting, true), Some(Batch::Alone(_))), "there is nothing else");
        assert_eq!(conversations(next_batch(&mut waiting, true)), [a]);
        assert!(next_batch(&mut waiting, true).is_none());
    }

    #[test]
    fn batches_are_bounded() {
        let a = ConversationId::new();
        let many = (0..=limits::BATCH_ROWS).map(|_| send(a, MessageId::new(), None));
        assert_eq!(batches(many).iter().map(Vec::len).collect::<Vec<_>>(), [limits::BATCH_ROWS, 1]);
    }
}
