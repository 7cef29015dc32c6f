//! Reactions. They are added and removed by commands; here they are read and swept.

use async_trait::async_trait;
use uuid::Uuid;

use crate::domain::emoji::Emoji;
use crate::domain::user::User;
use crate::domain::{ConversationId, Result, Seq, UserId};

/// A user and the emoji with which they reacted.
pub type EmojiAndUser = (Emoji, User);

/// The store's methods for reactions.
#[async_trait]
pub trait Reactions: Send + Sync {
    /// Returns those of these kinds of reactions to messages of a conversation that are the user's own.
    async fn own_reactions(
        &self,
        user_id: UserId,
        id: ConversationId,
        kinds: &[(Seq, Emoji)],
    ) -> Result<Vec<(Seq, Emoji)>>;

    /// The reactions to a message in the order of emoji and user, of those after `after`. With `only` those with this emoji. Without a check of
    /// membership.
    async fn reactors(
        &self,
        id: ConversationId,
        message_seq: Seq,
        only: Option<&Emoji>,
        after: Option<&(Emoji, UserId)>,
        limit: usize,
    ) -> Result<Vec<EmojiAndUser>>;

    /// Deletes at most `limit` reactions to one deleted message. Returns true if there may be more to delete.
    async fn sweep_reactions(&self, limit: usize) -> Result<bool>;
}

/// Returns the statement of [`Reactions::reactors`], `all` or `with_one_emoji`, and the emoji and the user to bind behind which it starts.
pub(super) fn start(
    only: Option<&Emoji>,
    after: Option<&(Emoji, UserId)>,
    all: &'static str,
    with_one_emoji: &'static str,
) -> (&'static str, String, UserId) {
    let user_id = after.map_or(UserId(Uuid::nil()), |(_, user_id)| *user_id);
    match (only, after) {
        (Some(emoji), _) => (with_one_emoji, emoji.to_string(), user_id),
        (None, Some((emoji, _))) => (all, emoji.to_string(), user_id),
        (None, None) => (all, String::new(), user_id),
    }
}
