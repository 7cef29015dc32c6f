//! Size changes: joins and leaves since the size of a conversation was last checked.

use crate::limits;

/// Joins or leaves that the store may have committed while this node has not delivered their events: one batch that is being delivered,
/// and one that is committed meanwhile.
const IN_FLIGHT: i64 = 2;

/// Counts the joins and leaves of a conversation since its size was last checked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SizeChange {
    pub(super) joins: i64,
    pub(super) leaves: i64,
}

impl SizeChange {
    /// Adds joins, or leaves if `growth` is negative.
    pub(super) fn add(&mut self, growth: i64) {
        self.joins += growth.max(0);
        self.leaves += (-growth).max(0);
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.joins += other.joins;
        self.leaves += other.leaves;
    }

    /// Returns true if a conversation that now has `member_count` members may have been on the other side of the bound. Correcting a
    /// conversation once too often does no harm.
    pub(super) fn may_have_crossed(self, member_count: i64) -> bool {
        let bound = limits::SMALL_CONVERSATION_MEMBERS_MAX;
        if member_count > bound {
            member_count - self.joins - IN_FLIGHT <= bound
        } else {
            member_count + self.leaves + IN_FLIGHT > bound
        }
    }
}
