//! Members: the users in a conversation, and how far each has received and read.

use async_trait::async_trait;

use crate::domain::conversation::Member;
use crate::domain::user::UserVersions;
use crate::domain::{ConversationId, Result, Seq, UserId};

/// The store's methods for members.
#[async_trait]
pub trait Members: Send + Sync {
    /// One member.
    async fn member(&self, id: ConversationId, user_id: UserId) -> Result<Option<Member>>;

    /// The members by username, of those after `after` (a folded username).
    async fn members(&self, id: ConversationId, after: Option<&str>, limit: usize) -> Result<Vec<Member>>;

    /// The user's co-members: the other members of the user's conversations of at most [`crate::limits::SMALL_CONVERSATION_MEMBERS_MAX`] members.
    async fn co_members(&self, user_id: UserId, limit: usize) -> Result<Vec<UserId>>;

    /// The least `delivered_seq` and the least `read_seq` of the other members with whom the user has no block. A `read_seq` that the user may not
    /// see counts as 0. `None` if there are no such members.
    async fn receipts_of_others(&self, id: ConversationId, user_id: UserId) -> Result<Option<(Seq, Seq)>>;

    /// The number of the newest change to the set of conversations that a user is in. Fails with `not_found` if there is no such
    /// user.
    async fn membership_version(&self, id: UserId) -> Result<i64>;

    /// The versions of many users. Users who do not exist are left out.
    async fn versions(&self, ids: &[UserId]) -> Result<Vec<UserVersions>>;
}
