//! Member settings: what members decide for themselves about a conversation.

use async_trait::async_trait;

use crate::domain::notifications::Notifications;
use crate::domain::{ConversationId, Result, UserId};

/// The store's methods for the settings of members.
#[async_trait]
pub trait MemberSettings: Send + Sync {
    /// Sets what a member is notified of. Returns true if that changed it. `None` if the user is not a member.
    async fn set_notifications(
        &self,
        id: ConversationId,
        user_id: UserId,
        notifications: Notifications,
    ) -> Result<Option<bool>>;
}
