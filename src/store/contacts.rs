//! Contacts: the users to whom a user wrote, or whom the user added to a conversation. And consent: what they decide.

use async_trait::async_trait;

use crate::domain::user::ContactFrom;
use crate::domain::{Result, UserId};

/// The store's methods for contacts.
#[async_trait]
pub trait Contacts: Send + Sync {
    /// Returns those of `user_ids`, in no order, who have `contact_id` as a contact. Deleted users have none.
    ///
    /// A user has as contacts those whom they added to a conversation or began one with. Who did not begin a direct conversation has the other
    /// as a contact if one of the first or last [`CONTACT_MESSAGES_MAX`](crate::limits::CONTACT_MESSAGES_MAX) messages is theirs.
    async fn users_with_contact(&self, user_ids: &[UserId], contact_id: UserId) -> Result<Vec<UserId>>;

    /// Changes who may begin a conversation with a user. An addition that is committed later obeys it.
    async fn set_contact_from(&self, user_id: UserId, contact_from: ContactFrom) -> Result<()>;
}
