//! The conversations that a worker indexes, in turns.

use std::collections::{HashSet, VecDeque};

use crate::domain::message_search::IndexPosition;
use crate::domain::{ConversationId, Seq};
use crate::limits;

/// A conversation, and the number up to which it is indexed.
pub(super) type Behind = (ConversationId, Seq);

/// Conversations that are not indexed to their ends. Each batch takes a page of the next ones. Those that have further events then are long.
/// The others come before them in every other batch, so that a new message waits for one batch, however many are long; in the batches
/// between, a long one is the first, so that it gets on.
#[derive(Default)]
pub(super) struct Turns {
    /// All of them, also those of the batch that is being written.
    ids: HashSet<ConversationId>,
    new: VecDeque<Behind>,
    long: VecDeque<Behind>,
    /// True while the batch is one in which a long one comes first.
    is_long_first: bool,
    /// Deleted conversations of which the index has something.
    left_over: VecDeque<ConversationId>,
}

impl Turns {
    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Notes conversations whose positions will be added. Returns those that have no turn yet: the others will be indexed to their ends, with
    /// what is new. Drops those for which there is no room, which the next scan finds.
    pub(super) fn note(&mut self, ids: impl IntoIterator<Item = ConversationId>) -> Vec<ConversationId> {
        ids.into_iter().filter(|id| self.ids.len() < limits::INDEX_QUEUE_MAX && self.ids.insert(*id)).collect()
    }

    /// Adds conversations whose positions were read.
    pub(super) fn add(&mut self, positions: Vec<IndexPosition>) {
        for position in positions {
            let id = position.conversation_id;
            if let Some(after) = position.behind() {
                self.ids.insert(id);
                self.new.push_back((id, after));
            } else if position.is_left_over() {
                self.ids.insert(id);
                self.left_over.push_back(id);
            } else {
                self.ids.remove(&id);
            }
        }
    }

    /// Returns the next conversation of a batch. `is_first`: the batch has none yet.
    pub(super) fn next_behind(&mut self, is_first: bool) -> Option<Behind> {
        if is_first {
            self.is_long_first = !self.is_long_first;
            if self.is_long_first
                && let Some(long) = self.long.pop_front()
            {
                return Some(long);
            }
        }
        self.new.pop_front().or_else(|| self.long.pop_front())
    }

    pub(super) fn next_left_over(&mut self) -> Option<ConversationId> {
        self.left_over.pop_front()
    }

    /// Gives a conversation that has further events its next turn, after all that are long.
    pub(super) fn go_on(&mut self, behind: Behind) {
        self.ids.insert(behind.0);
        self.long.push_back(behind);
    }

    /// Gives a deleted conversation its next turn, after all others.
    pub(super) fn go_on_sweeping(&mut self, id: ConversationId) {
        self.left_over.push_back(id);
    }

    pub(super) fn remove(&mut self, id: ConversationId) {
        self.ids.remove(&id);
    }

    /// Takes all conversations, also those of the batch that was being written.
    pub(super) fn take_all(&mut self) -> HashSet<ConversationId> {
        std::mem::take(self).ids
    }
}

#[cfg(test)]
mod tests {
    use super::Turns;
    use crate::domain::ConversationId;
    use crate::domain::message_search::IndexPosition;

    fn position(conversation_id: ConversationId, head: Option<i64>, indexed: Option<i64>) -> IndexPosition {
        IndexPosition { conversation_id, head, indexed }
    }

    #[test]
    fn what_is_new_waits_for_one_batch_and_what_is_long_gets_on() {
        let mut turns = Turns::default();
        let [one, other, new, newer, done, deleted] = [(); 6].map(|()| ConversationId::new());
        turns.add(vec![position(one, Some(1_000), None), position(other, Some(1_000), Some(1))]);
        assert_eq!((turns.next_behind(true), turns.next_behind(false)), (Some((one, 0)), Some((other, 1))));
        turns.go_on((one, 100));
        turns.go_on((other, 101));
        assert_eq!(turns.note([one, new, newer, done, deleted]), [new, newer, done, deleted], "a long one stays");
        turns.add(vec![
            position(new, Some(8), Some(7)),
            position(newer, Some(2), None),
            position(done, Some(3), Some(3)),
            position(deleted, None, Some(9)),
        ]);
        assert_eq!((turns.next_left_over(), turns.next_left_over()), (Some(deleted), None));
        assert_eq!((turns.next_behind(true), turns.next_behind(true)), (Some((new, 7)), Some((one, 100))));
        turns.go_on((one, 200));
        assert_eq!((turns.next_behind(true), turns.next_behind(false)), (Some((newer, 0)), Some((other, 101))));
        assert_eq!((turns.next_behind(true), turns.next_behind(true)), (Some((one, 200)), None));
        assert_eq!(turns.take_all().len(), 5, "none is lost when the batch fails");
        assert!(turns.is_empty());
    }
}
