//! Member settings: what members decide for themselves about a conversation.

use async_trait::async_trait;

use crate::domain::notifications::Notifications;
use crate::domain::receipt::MemberReceipts;
use crate::domain::{ConversationId, Result, UserId};

/// The store's methods for the settings of members.
#[async_trait]
pub trait MemberSettings: Send + Sync {
    /// Sets what a member is notified of. Returns true if that changed it, and the facts that the member's devices show. `None` if the user is not a
    /// member.
    async fn set_notifications(
        &self,
        id: ConversationId,
        user_id: UserId,
        notifications: Notifications,
    ) -> Result<Option<(bool, MemberReceipts)>>;
}
