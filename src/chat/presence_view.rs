//! Presence as one user sees it.

use std::collections::HashSet;

use super::Chat;
use crate::domain::user::Status;
use crate::domain::{Result, UserId};

/// The presence of some users, as one reader sees it. Two users between whom there is a block do not see each other's.
pub(super) struct PresenceView<'a> {
    chat: &'a Chat,
    hidden: HashSet<UserId>,
}

impl PresenceView<'_> {
    /// Returns a user's status. `None` if it is hidden from the reader.
    pub(super) fn of(&self, user_id: UserId) -> Option<Status> {
        (!self.hidden.contains(&user_id)).then(|| self.chat.status(user_id))
    }
}

impl Chat {
    /// Returns the presence of these users, as `reader_id` sees it.
    pub(super) async fn presence_for(
        &self,
        reader_id: UserId,
        users: impl IntoIterator<Item = UserId>,
    ) -> Result<PresenceView<'_>> {
        let others: Vec<UserId> = users.into_iter().filter(|id| *id != reader_id).collect();
        let hidden = if others.is_empty() { Vec::new() } else { self.store.blocks_with(reader_id, &others).await? };
        Ok(PresenceView { chat: self, hidden: hidden.into_iter().collect() })
    }
}
