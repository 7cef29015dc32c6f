//! Inputs of the operations on notifications.

use serde::Deserialize;

use crate::domain::ConversationId;

/// `notifications.update`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct UpdateNotifications {
    pub conversation_id: ConversationId,
    /// `all`, `mentions` or `none`.
    pub level: String,
    /// The time after which the level is `all` again. By default never.
    pub until: Option<String>,
}
