//! Conversations as a whole: create, list, delete.

use async_trait::async_trait;
use uuid::Uuid;

use crate::domain::conversation::{Conversation, CreatedConversation, NewConversation};
use crate::domain::conversation_view::ConversationView;
use crate::domain::{Code, ConversationId, Error, Result, Timestamp, UserId};

/// The position from which a page of conversations goes on: after this one, in the order of latest activity.
pub type ActivityCursor = (Timestamp, ConversationId);

/// The position before the first conversation.
pub(super) const LATEST: ActivityCursor = (Timestamp(i64::MAX), ConversationId(Uuid::max()));

/// The store's methods for conversations.
#[async_trait]
pub trait Conversations: Send + Sync {
    /// Makes a conversation with its members, and raises their membership versions. A direct pair that exists is left alone, and so is a
    /// conversation of the same creator that has the id. Leaves out of a new group who refuses it. Fails with `id_taken` if a conversation of
    /// another creator has the id, with `invalid` (field `member_ids`) if a member does not exist, by the rule of
    /// [`not_added`](crate::domain::rules::contact::not_added), and by the creator's [quotas](crate::domain::quotas::Quotas::check) if the
    /// conversation has them.
    async fn create_conversation(&self, new: &NewConversation) -> Result<CreatedConversation>;

    /// Returns a conversation, without a check of membership.
    async fn conversation(&self, id: ConversationId) -> Result<Option<Conversation>>;

    /// Returns a conversation as this user sees it. `None` if the user is not a member.
    async fn conversation_view(&self, id: ConversationId, user_id: UserId) -> Result<Option<ConversationView>>;

    /// The user's conversations, latest activity first, of those after `after`.
    async fn conversation_views(
        &self,
        user_id: UserId,
        after: Option<ActivityCursor>,
        limit: usize,
    ) -> Result<Vec<ConversationView>>;

    /// The user's conversations in the order of their ids, of those from `first` on.
    async fn conversation_ids(
        &self,
        user_id: UserId,
        first: ConversationId,
        limit: usize,
    ) -> Result<Vec<ConversationId>>;

    /// Like [`Conversations::conversation_ids`], of conversations of at most [`crate::limits::SMALL_CONVERSATION_MEMBERS_MAX`] members.
    async fn small_conversations(
        &self,
        user_id: UserId,
        first: ConversationId,
        limit: usize,
    ) -> Result<Vec<ConversationId>>;

    /// Returns the first `limit` such conversations of each of these users, in the order of their ids.
    async fn small_conversations_of(&self, user_ids: &[UserId], limit: usize) -> Result<Vec<(UserId, ConversationId)>>;

    /// Deletes a conversation with its members, and raises their membership versions. Returns the former members. Its messages can no
    /// longer be read by anybody, and are left to [`Conversations::sweep_deleted`]. Its id cannot be used again. Fails by the rule of
    /// [`may_delete`](crate::domain::rules::may_delete).
    async fn delete_conversation(&self, id: ConversationId, actor_id: UserId) -> Result<Vec<UserId>>;

    /// Deletes at most `limit` groups that have had no members since `before`, as [`Conversations::delete_conversation`] does. Returns the
    /// number of those found.
    async fn delete_memberless(&self, before: Timestamp, limit: usize) -> Result<usize>;

    /// Deletes at most `limit` messages, `limit` changes, `limit` reactions and `limit` notes of who left, of one deleted conversation. Returns true
    /// if there may be more to delete.
    async fn sweep_deleted(&self, limit: usize) -> Result<bool>;
}

/// Returns the conversation that exists already instead of a new one: the one with its id, or else the one of its pair. Fails with `id_taken` if
/// another user created the one with its id.
pub(super) fn existing(new: &NewConversation, (id, creator_id): (ConversationId, UserId)) -> Result<ConversationId> {
    if id == new.id && creator_id != new.creator_id {
        return Err(id_taken());
    }
    Ok(id)
}

/// The error for a new conversation whose id cannot be used.
pub(super) fn id_taken() -> Error {
    Error::new(Code::IdTaken, "Another conversation has this id.")
}

/// The error for a new conversation with a member who does not exist.
pub(super) fn no_such_member(id: UserId) -> Error {
    Error::field("member_ids", format!("there is no user {id}"))
}
