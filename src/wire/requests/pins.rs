//! Inputs of the operations on pinned messages.

use serde::Deserialize;

use super::PageLimit;
use crate::domain::ConversationId;

/// `pin.list`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ListPins {
    pub conversation_id: ConversationId,
    /// The `next` of the previous page.
    pub cursor: Option<String>,
    #[serde(default)]
    pub limit: PageLimit,
}
