//! The index of messages by their words.

use async_trait::async_trait;

use crate::domain::conversation::GroupName;
use crate::domain::event::Event;
use crate::domain::message_search::{FoundMessages, IndexPosition, IndexStep, IndexVersion, Search};
use crate::domain::{ConversationId, Result, Seq, UserId};

/// The store's methods for searching messages. Each version of the words has an index of its own.
#[async_trait]
pub trait MessageSearch: Send + Sync {
    /// Returns the indexes that exist, in no order.
    async fn index_versions(&self) -> Result<Vec<IndexVersion>>;

    /// Creates an index if it does not exist, and sets the time at which it was used. An index that is complete stays complete.
    async fn set_index_version(&self, index: IndexVersion) -> Result<()>;

    /// Removes an index of which nothing is left.
    async fn forget_index_version(&self, version: i64) -> Result<()>;

    /// Returns how far these conversations are indexed, in no order.
    async fn index_positions_of(&self, version: i64, ids: &[ConversationId]) -> Result<Vec<IndexPosition>>;

    /// Returns how far conversations are indexed: those that exist and those of which the index has something, in the order of their ids, of
    /// those from `first` on.
    async fn index_positions(&self, version: i64, first: ConversationId, limit: usize) -> Result<Vec<IndexPosition>>;

    /// Returns what [`Messages::events`](super::Messages::events) returns, for the index.
    async fn events_to_index(&self, id: ConversationId, after: Seq, limit: usize) -> Result<Vec<Event>>;

    /// Indexes steps of different conversations, in one transaction. Leaves out a step whose conversation is not where the step begins, because
    /// another node was faster, or was slower with what comes before it. Returns the conversations that it left out.
    async fn index_messages(&self, version: i64, steps: Vec<IndexStep>) -> Result<Vec<ConversationId>>;

    /// Deletes at most `limit` messages of a conversation from an index, and the conversation's position if none is left. Returns true if there
    /// may be more to delete.
    async fn sweep_index(&self, version: i64, id: ConversationId, limit: usize) -> Result<bool>;

    /// Searches an index. A page can have fewer messages than asked for, even none, and others follow it.
    async fn search_messages(&self, version: i64, search: &Search) -> Result<FoundMessages>;

    /// Returns the groups with a name that the user is in, in no order.
    async fn group_names(&self, user_id: UserId, limit: usize) -> Result<Vec<(ConversationId, GroupName)>>;

    /// Returns the direct conversation of two users.
    async fn direct_conversation(&self, one: UserId, other: UserId) -> Result<Option<ConversationId>>;
}

/// Returns the index to search: that of this binary's version, or, while that is being built, the newest complete one.
pub async fn searched_version<S: MessageSearch + ?Sized>(store: &S, own: i64) -> Result<i64> {
    let complete = store.index_versions().await?.into_iter().filter(|index| index.is_complete);
    let best = complete.max_by_key(|index| (index.version == own, index.version));
    Ok(best.map_or(own, |index| index.version))
}
