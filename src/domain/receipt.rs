//! Receipts: how far a member's devices have received a conversation, and how far the member has read it.

use super::notifications::Notifications;
use super::{Seq, UserId};

/// The receipts of a member, and the mark with which the member keeps messages unread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ReadState {
    pub delivered_seq: Seq,
    /// Never goes back.
    pub read_seq: Seq,
    /// The messages from this number on count as unread. Other members do not see it. The next read takes it away.
    pub unread_from_seq: Option<Seq>,
}

/// A client's report about one conversation. The numbers are not checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiptUpdate {
    /// The number up to which a device has received events. 0 for none.
    pub delivered_seq: Seq,
    /// The number up to which the user has read. 0 for none.
    pub read_seq: Seq,
    /// The change of the mark.
    pub mark: Option<UnreadMark>,
}

/// A change of [`ReadState::unread_from_seq`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnreadMark {
    /// Takes the mark away.
    Clear,
    /// Sets the mark.
    From(Seq),
}

impl ReceiptUpdate {
    /// Reports that a device has received the events up to a number.
    pub fn delivered(seq: Seq) -> Self {
        Self { delivered_seq: seq, ..Self::default() }
    }

    /// Reports that the user has read up to a number. What was read was received.
    pub fn read(seq: Seq) -> Self {
        Self { delivered_seq: seq, read_seq: seq, mark: Some(UnreadMark::Clear) }
    }

    /// Reports that the user wants the messages from a number on to count as unread.
    pub fn unread_from(seq: Seq) -> Self {
        Self { mark: Some(UnreadMark::From(seq)), ..Self::default() }
    }

    /// Returns the update that has the effect of this one and then of a later one.
    #[must_use]
    pub fn then(self, later: Self) -> Self {
        Self {
            delivered_seq: self.delivered_seq.max(later.delivered_seq),
            read_seq: self.read_seq.max(later.read_seq),
            mark: later.mark.or(self.mark),
        }
    }
}

impl ReadState {
    /// Returns the state after an update, in a conversation whose newest number is `last_seq`. Numbers beyond it count as `last_seq`, and
    /// smaller ones than before change nothing.
    #[must_use]
    pub fn after(self, update: &ReceiptUpdate, last_seq: Seq) -> Self {
        let unread_from_seq = match update.mark {
            None => self.unread_from_seq,
            Some(UnreadMark::Clear) => None,
            Some(UnreadMark::From(seq)) => (last_seq > 0).then(|| seq.clamp(1, last_seq)),
        };
        Self {
            delivered_seq: self.delivered_seq.max(update.delivered_seq.min(last_seq)),
            read_seq: self.read_seq.max(update.read_seq.min(last_seq)),
            unread_from_seq,
        }
    }
}

/// A member's receipts in a conversation, with the facts that decide who sees them. Read at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct MemberReceipts {
    pub state: ReadState,
    pub member_count: i64,
    /// True if the member sends read receipts.
    pub sends_receipts: bool,
    /// True if the member blocks another user or is blocked by one, in this conversation or not.
    pub has_blocks: bool,
}

/// The read state that a member's devices show. The store reads all of it at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct UnreadState {
    pub read_seq: Seq,
    pub unread_from_seq: Option<Seq>,
    /// The newest number of the conversation.
    pub last_seq: Seq,
    /// The unread messages up to `last_seq`, counted up to [`crate::limits::UNREAD_MAX`].
    pub unread_count: i64,
    /// Those of them that mention the member, counted up to the same bound.
    pub mention_count: i64,
    /// The member's choice, also if its time is over.
    pub notifications: Notifications,
}

/// A member's receipts as another user sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Receipt {
    pub user_id: UserId,
    pub delivered_seq: Seq,
    /// `None` if the reader may not see it.
    pub read_seq: Option<Seq>,
}

/// The result of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptOutcome {
    /// The update is written.
    Changed {
        /// The state before.
        before: ReadState,
        /// The receipts after it.
        after: MemberReceipts,
    },
    /// The state was the same already.
    Unchanged,
    /// The user is not a member.
    NotMember,
    /// Another transaction holds the member's row. Nothing is written, and the caller tries again.
    Locked,
}

#[cfg(test)]
mod tests {
    use super::{ReadState, ReceiptUpdate};

    const START: ReadState = ReadState { delivered_seq: 5, read_seq: 3, unread_from_seq: None };

    #[test]
    fn receipts_never_go_back_nor_beyond_the_end() {
        let after = |update: ReceiptUpdate| {
            let state = START.after(&update, 8);
            (state.delivered_seq, state.read_seq)
        };
        assert_eq!(after(ReceiptUpdate::read(7)), (7, 7), "what was read was received");
        assert_eq!(after(ReceiptUpdate::read(4)), (5, 4));
        assert_eq!(after(ReceiptUpdate::read(2)), (5, 3));
        assert_eq!(after(ReceiptUpdate::read(i64::MAX)), (8, 8));
        assert_eq!(after(ReceiptUpdate::read(-1)), (5, 3));
        assert_eq!(after(ReceiptUpdate::delivered(8)), (8, 3));
        assert_eq!(after(ReceiptUpdate::delivered(1)), (5, 3));
    }

    #[test]
    fn a_mark_goes_back_and_a_read_takes_it_away() {
        let marked = START.after(&ReceiptUpdate::unread_from(2), 8);
        assert_eq!(marked, ReadState { unread_from_seq: Some(2), ..START }, "the receipts stay");
        assert_eq!(marked.after(&ReceiptUpdate::delivered(8), 8).unread_from_seq, Some(2));
        assert_eq!(marked.after(&ReceiptUpdate::read(1), 8), START, "also a read of what was read");
        let mark = |seq, last_seq| START.after(&ReceiptUpdate::unread_from(seq), last_seq).unread_from_seq;
        assert_eq!([mark(0, 8), mark(9, 8), mark(i64::MAX, 8)], [Some(1), Some(8), Some(8)]);
        assert_eq!(mark(1, 0), None, "nothing is there to be unread");
    }

    #[test]
    fn updates_add_up_to_one() {
        let (read, unread) = (ReceiptUpdate::read(4), ReceiptUpdate::unread_from(2));
        for updates in [[read, unread], [unread, read], [read, ReceiptUpdate::read(7)], [unread, unread]] {
            let one_by_one = updates.iter().fold(START, |state, update| state.after(update, 8));
            assert_eq!(START.after(&updates[0].then(updates[1]), 8), one_by_one, "{updates:?}");
        }
    }
}
