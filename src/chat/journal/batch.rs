//! Batches: what is committed at a time.

use std::collections::{HashSet, VecDeque};

use super::Reply;
use crate::domain::command::{Change, Command};
use crate::limits;

/// A command that waits, and whoever waits for it.
pub(super) struct Job {
    pub(super) command: Command,
    pub(super) reply: Reply,
}

/// What is committed at a time.
pub(super) enum Batch {
    Sends(Vec<Job>),
    Change(Box<Change>, Reply),
}

/// Takes the next batch from what waits: sends, up to the bounds, or one change.
///
/// A send whose id, or whose `reply_to`, is in the batch already waits for the next one, and so does everything behind it,
/// or behind a change, in the same conversation: what one client sends keeps its order.
pub(super) fn next_batch(waiting: &mut VecDeque<Job>) -> Option<Batch> {
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
