//! Batches: writes that the store commits at a time.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};

use tokio::time::Instant;

use super::Reply;
use crate::domain::command::{Outcome, Write};
use crate::domain::event::Event;
use crate::domain::{Code, ConversationId, Error, Result};
use crate::limits;

/// A write that waits, and the callback that receives its outcome.
pub(super) struct Job {
    pub(super) write: Write,
    submitted_at: Instant,
    /// `None` after the reply.
    reply: Option<Reply>,
    /// The outcome of an earlier try is unknown.
    pub(super) in_doubt: bool,
}

impl Job {
    pub(super) fn new(write: Write, submitted_at: Instant, reply: Reply) -> Self {
        Self { write, submitted_at, reply: Some(reply), in_doubt: false }
    }

    pub(super) fn has_replied(&self) -> bool {
        self.reply.is_none()
    }

    fn is_late(&self) -> bool {
        self.submitted_at.elapsed() >= limits::WRITE_TIMEOUT
    }

    /// Replies with `outcome`. Returns true instead if the outcome is unknown and there is time for another try.
    pub(super) fn reply_unless_retried(&mut self, outcome: Result<Outcome>) -> bool {
        let is_unknown = outcome.as_ref().is_err_and(|error| error.code == Code::Unavailable);
        if is_unknown && !self.has_replied() && !self.is_late() {
            self.in_doubt = true;
            return true;
        }
        self.reply_with(outcome.map(|outcome| self.as_first_commit(outcome)));
        false
    }

    fn reply_with(&mut self, outcome: Result<Outcome>) {
        if let Some(reply) = self.reply.take() {
            reply(outcome);
        }
    }

    /// Returns `Committed` for a duplicate that an earlier try of this job committed. The sender has sent it once, and receives its
    /// event once, when it is delivered, which may have been before this try. The time tells the message of this job from one that the
    /// sender sent before with the same id.
    fn as_first_commit(&self, outcome: Outcome) -> Outcome {
        match (outcome, self.write.as_send()) {
            (Outcome::Duplicate(message), Some(own)) if self.in_doubt && message.timestamp == own.timestamp => {
                Outcome::Committed(Event::created(message))
            }
            (outcome, _) => outcome,
        }
    }

    /// Replies with `unavailable` if the job has waited for [`limits::WRITE_TIMEOUT`].
    pub(super) fn expire(&mut self) {
        if !self.has_replied() && self.is_late() {
            self.reply_with(Err(Error::unavailable("the journal's time is over")));
        }
    }
}

/// Writes that the store commits at a time.
pub(super) enum Batch {
    /// New messages, in one statement.
    Sends(Vec<Job>),
    /// Commands. Those of one conversation are one command, or any number of reactions.
    Commands(Vec<Job>),
}

impl Batch {
    fn of(is_send: bool, jobs: Vec<Job>) -> Self {
        if is_send { Self::Sends(jobs) } else { Self::Commands(jobs) }
    }
}

/// Takes the next batch from what waits: sends or commands, up to the bounds.
///
/// A conversation keeps its order: if one of its writes waits for the next batch, all later ones wait too. A send waits if its id, or
/// the message that it replies to, is in the batch. A command waits if its conversation has one in the batch, unless both are reactions. The batch is of the kind of
/// the oldest write, unless `sends_first` is true and there is a send that does not have to wait.
pub(super) fn next_batch(waiting: &mut VecDeque<Job>, sends_first: bool) -> Option<Batch> {
    let is_send = |job: &Job| job.write.as_send().is_some();
    let oldest_is_send = is_send(waiting.front()?);
    let jobs = if sends_first && !oldest_is_send { take(waiting, true) } else { take(waiting, oldest_is_send) };
    if !jobs.is_empty() {
        return Some(Batch::of(sends_first || oldest_is_send, jobs));
    }
    Some(Batch::of(oldest_is_send, take(waiting, oldest_is_send)))
}

/// Takes the writes of one kind that can share a batch.
fn take(waiting: &mut VecDeque<Job>, sends: bool) -> Vec<Job> {
    let mut batch = Vec::with_capacity(waiting.len().min(limits::BATCH_ROWS_MAX));
    let (mut ids, mut stopped, mut bytes) = (HashSet::new(), HashSet::new(), 0);
    // The conversations with commands in the batch, with true if those are reactions.
    let mut commanded: HashMap<ConversationId, bool> = HashMap::new();
    let mut later = VecDeque::new();
    while batch.len() < limits::BATCH_ROWS_MAX && bytes < limits::BATCH_BYTES_MAX {
        let Some(job) = waiting.pop_front() else { break };
        let conversation_id = job.write.conversation_id();
        let joins = !stopped.contains(&conversation_id)
            && match &job.write {
                Write::Apply(command) => {
                    let is_reaction = command.action.reacts_to().is_some();
                    !sends
                        && match commanded.entry(conversation_id) {
                            Entry::Occupied(entry) => *entry.get() && is_reaction,
                            Entry::Vacant(entry) => {
                                entry.insert(is_reaction);
                                true
                            }
                        }
                }
                Write::Send(message) => {
                    sends
                        && message.reply_to.is_none_or(|id| !ids.contains(&(conversation_id, id)))
                        && ids.insert((conversation_id, message.id))
                }
            };
        if joins {
            bytes += job.write.weight();
            batch.push(job);
        } else {
            stopped.insert(conversation_id);
            later.push_back(job);
        }
    }
    later.append(waiting);
    *waiting = later;
    batch
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use tokio::time::Instant;

    use super::{Batch, Job, next_batch};
    use crate::domain::command::{Action, Command, NewMessage, Write};
    use crate::domain::conversation::GroupName;
    use crate::domain::emoji::Emoji;
    use crate::domain::message::Content;
    use crate::domain::{ConversationId, MessageId, Timestamp, UserId};
    use crate::limits;

    fn job(write: Write) -> Job {
        Job::new(write, Instant::now(), Box::new(drop))
    }

    fn send(conversation_id: ConversationId, id: MessageId, reply_to: Option<MessageId>) -> Job {
        let content = Content::parse("hi".to_owned()).expect("short");
        let sender_id = UserId::new();
        let timestamp = Timestamp(0);
        job(Write::Send(NewMessage { conversation_id, id, sender_id, content, reply_to, timestamp }))
    }

    fn rename(conversation_id: ConversationId) -> Job {
        let action = Action::Rename { name: GroupName::from_trusted("x".to_owned()) };
        let (id, actor_id) = (MessageId::new(), UserId::new());
        job(Write::Apply(Command { conversation_id, id, actor_id, action, timestamp: Timestamp(0) }))
    }

    /// The conversations of each batch.
    fn batches(jobs: impl IntoIterator<Item = Job>) -> Vec<Vec<ConversationId>> {
        let mut waiting: VecDeque<Job> = jobs.into_iter().collect();
        let mut batches = Vec::new();
        while let Some(batch) = next_batch(&mut waiting, false) {
            batches.push(match batch {
                Batch::Sends(jobs) | Batch::Commands(jobs) => {
                    jobs.iter().map(|job| job.write.conversation_id()).collect()
                }
            });
        }
        assert!(waiting.is_empty());
        batches
    }

    #[test]
    fn an_id_appears_once_in_a_batch() {
        let (a, b, id) = (ConversationId::new(), ConversationId::new(), MessageId::new());
        let jobs = [send(a, id, None), send(a, id, None), send(a, MessageId::new(), None), send(b, id, None)];
        assert_eq!(batches(jobs), [vec![a, b], vec![a, a]]);
    }

    #[test]
    fn a_reply_waits_for_the_message_it_replies_to() {
        let (a, id) = (ConversationId::new(), MessageId::new());
        assert_eq!(batches([send(a, id, None), send(a, MessageId::new(), Some(id))]), [vec![a], vec![a]]);
        let earlier = Some(MessageId::new());
        assert_eq!(batches([send(a, id, None), send(a, MessageId::new(), earlier)]), [vec![a, a]]);
    }

    #[test]
    fn a_command_keeps_its_place_in_its_conversation() {
        let (a, b) = (ConversationId::new(), ConversationId::new());
        let new = |conversation_id| send(conversation_id, MessageId::new(), None);
        assert_eq!(batches([new(a), rename(a), new(a), new(b)]), [vec![a, b], vec![a], vec![a]]);
    }

    #[test]
    fn sends_of_other_conversations_pass_a_command() {
        let (a, b) = (ConversationId::new(), ConversationId::new());
        let new = |conversation_id| send(conversation_id, MessageId::new(), None);
        let mut waiting: VecDeque<Job> = [rename(a), rename(a), new(a), new(b)].into();
        let conversations = |batch| match batch {
            Some(Batch::Sends(jobs)) => jobs.iter().map(|job| job.write.conversation_id()).collect(),
            Some(Batch::Commands(_)) | None => Vec::new(),
        };
        assert!(matches!(next_batch(&mut waiting, false), Some(Batch::Commands(_))));
        assert_eq!(
            conversations(next_batch(&mut waiting, true)),
            [b],
            "no send passes a command of its own conversation"
        );
        assert!(matches!(next_batch(&mut waiting, true), Some(Batch::Commands(_))), "no send can go first");
        assert_eq!(conversations(next_batch(&mut waiting, true)), [a]);
        assert!(next_batch(&mut waiting, true).is_none());
    }

    #[test]
    fn reactions_of_one_conversation_share_a_batch() {
        let (a, b, first, second) = (ConversationId::new(), ConversationId::new(), MessageId::new(), MessageId::new());
        let react = |conversation_id, message_id| {
            let emoji = Emoji::parse("\u{1F44D}").expect("an emoji");
            let action = Action::React { message_id, emoji, is_added: true };
            let (id, actor_id) = (MessageId::new(), UserId::new());
            job(Write::Apply(Command { conversation_id, id, actor_id, action, timestamp: Timestamp(0) }))
        };
        let jobs = [react(a, first), react(b, first), react(a, second), react(a, first)];
        assert_eq!(batches(jobs), [vec![a, b, a, a]]);
        let jobs = [react(a, first), rename(a), react(a, first), rename(a), rename(b)];
        assert_eq!(batches(jobs), [vec![a, b], vec![a], vec![a], vec![a]], "others keep their places");
        let jobs = [react(a, first), send(a, second, None), react(a, second), react(b, first)];
        assert_eq!(batches(jobs), [vec![a, b], vec![a], vec![a]], "no reaction passes the message that it is to");
    }

    #[test]
    fn commands_of_several_conversations_go_together() {
        let (a, b, c) = (ConversationId::new(), ConversationId::new(), ConversationId::new());
        let new = |conversation_id| send(conversation_id, MessageId::new(), None);
        let jobs = [rename(a), rename(b), rename(a), new(b), new(c), rename(b)];
        assert_eq!(batches(jobs), [vec![a, b], vec![a], vec![b, c], vec![b]]);
    }

    #[test]
    fn batches_are_bounded() {
        let a = ConversationId::new();
        let many = (0..=limits::BATCH_ROWS_MAX).map(|_| send(a, MessageId::new(), None));
        assert_eq!(batches(many).iter().map(Vec::len).collect::<Vec<_>>(), [limits::BATCH_ROWS_MAX, 1]);
    }
}
