//! Changes of a conversation's size since its presence was last announced.

use crate::limits;

/// Changes of a conversation's size that the store may have committed while this node has not delivered their events: one batch that is
/// delivered, and one that is committed meanwhile.
const IN_FLIGHT: i64 = 2;

/// How often users joined and left a conversation since it was last looked at.
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

    /// Returns true if a conversation that now has so many members may have been on the other side of the bound. To correct a
    /// conversation once too often does no harm.
    pub(super) fn may_have_crossed(self, member_count: i64) -> bool {
        let most = limits::SMALL_CONVERSATION_MEMBERS_MAX;
        if member_count > most {
            member_count - self.joins - IN_FLIGHT <= most
        } else {
            member_count + self.leaves + IN_FLIGHT > most
        }
    }
}
