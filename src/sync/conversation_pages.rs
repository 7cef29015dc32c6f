//! Conversation pages: reads the ids of a user's conversations in pages, because a user can be in any number of them.

use std::ops::RangeInclusive;

use crate::domain::{ConversationId, Result, UserId};
use crate::limits;
use crate::store::Store;

/// The conversations of a user, in the order of their ids. A conversation that the user joins meanwhile may be missing.
pub struct ConversationPages {
    user_id: UserId,
    /// The least id that was not read. `None` after the last page.
    first: Option<ConversationId>,
}

/// A page of conversations.
pub(super) struct ConversationPage {
    /// The ids, in order.
    pub(super) ids: Vec<ConversationId>,
    /// The ids that were looked for: the user is in none of them that the page does not have.
    pub(super) range: RangeInclusive<ConversationId>,
}

impl ConversationPages {
    /// Returns the pages from the first one on.
    pub fn of(user_id: UserId) -> Self {
        Self { user_id, first: Some(ConversationId::FIRST) }
    }

    /// Reads the next page of all conversations. Returns `None` after the last one.
    pub(super) async fn next(&mut self, store: &dyn Store) -> Result<Option<ConversationPage>> {
        let Some(first) = self.first else { return Ok(None) };
        let ids = store.conversation_ids(self.user_id, first, limits::CONVERSATION_IDS_PAGE).await?;
        Ok(Some(self.page(first, ids)))
    }

    /// Reads the next page of small conversations. Returns `None` after the last one.
    pub(super) async fn next_small(&mut self, store: &dyn Store) -> Result<Option<ConversationPage>> {
        let Some(first) = self.first else { return Ok(None) };
        let ids = store.small_conversations(self.user_id, first, limits::CONVERSATION_IDS_PAGE).await?;
        Ok(Some(self.page(first, ids)))
    }

    fn page(&mut self, first: ConversationId, ids: Vec<ConversationId>) -> ConversationPage {
        let last = ids.last().filter(|_| ids.len() == limits::CONVERSATION_IDS_PAGE);
        let last = last.copied().unwrap_or(ConversationId::LAST);
        self.first = last.next();
        ConversationPage { ids, range: first..=last }
    }
}
