//! Leftovers: what nodes of an older schema leave behind, because they do not know it. They may run beside this version, and after it.

use async_trait::async_trait;
use uuid::Uuid;

use crate::domain::{ConversationId, MessageId, Result, Seq, UserId};

/// The place of a message.
pub type MessagePlace = (ConversationId, Seq);
/// The place of a mention.
pub type MentionPlace = (ConversationId, UserId, Seq);
/// The place of a saved message.
pub type SavedPlace = (UserId, ConversationId, MessageId);

/// The place up to which each table was looked through. The default is before its first row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct LeftoversCursor {
    pub pins: Option<MessagePlace>,
    pub reactions: Option<MessagePlace>,
    pub mentions: Option<MentionPlace>,
    pub mentions_of_all: Option<MessagePlace>,
    pub saved: Option<SavedPlace>,
    pub settings: Option<UserId>,
}

/// The store's method for leftovers.
#[async_trait]
pub trait Leftovers: Send + Sync {
    /// Looks through at most `limit` rows of each table for what an older node has left: pins and mentions of deleted messages, reactions to them, which it leaves to
    /// [`Reactions::sweep_reactions`](super::Reactions::sweep_reactions), saved messages of deleted conversations and users, and the times at which users were
    /// last seen who do not show them. Returns the place to go on from. After the last row that is the first one.
    async fn sweep_leftovers(&self, cursor: LeftoversCursor, limit: usize) -> Result<LeftoversCursor>;
}

/// The place before the first mention.
pub(super) const FIRST_MENTION: MentionPlace = (ConversationId::FIRST, UserId(Uuid::nil()), 0);
/// The place before the first saved message.
pub(super) const FIRST_SAVED: SavedPlace = (UserId(Uuid::nil()), ConversationId::FIRST, MessageId(Uuid::nil()));

/// Returns those of these rows that an older node has left.
pub(super) fn left<T>(rows: Vec<(T, bool)>) -> Vec<T> {
    rows.into_iter().filter_map(|(row, is_left)| is_left.then_some(row)).collect()
}

/// Returns the last of the rows that were read, unless they were the last ones of their table.
pub(super) fn last<T: Copy>(rows: &[T], limit: usize) -> Option<T> {
    rows.last().copied().filter(|_| rows.len() >= limit)
}
