//! The number of members of a large conversation who are online or away.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use super::Presence;
use crate::domain::user::Status;
use crate::domain::{ConversationId, Result};
use crate::limits;
use crate::store::Store;

/// The newest numbers, with their times. Bounded by [`limits::ONLINE_COUNTS_MAX`].
#[derive(Default)]
pub(super) struct OnlineCounts(Mutex<HashMap<ConversationId, (usize, Instant)>>);

impl OnlineCounts {
    fn get(&self, id: ConversationId, now: Instant) -> Option<usize> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(&id).filter(|(_, at)| now - *at < limits::ONLINE_COUNT_KEPT).map(|(count, _)| *count)
    }

    fn set(&self, id: ConversationId, count: usize, now: Instant) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= limits::ONLINE_COUNTS_MAX {
            counts.retain(|_, (_, at)| now - *at < limits::ONLINE_COUNT_KEPT);
        }
        if counts.len() < limits::ONLINE_COUNTS_MAX {
            counts.insert(id, (count, now));
        }
    }
}

impl Presence {
    /// Returns the number of members of a large conversation who are online or away. A node that is alone counts its subscriptions. Beside others it
    /// looks at each member: a user may be at two nodes, so that a sum over nodes would be too great.
    pub(super) async fn online_count(&self, id: ConversationId, store: &dyn Store) -> Result<usize> {
        if self.state().nodes.is_empty() {
            return Ok(self.registry.user_count(id));
        }
        if let Some(count) = self.online_counts.get(id, Instant::now()) {
            return Ok(count);
        }
        let (mut count, mut after) = (0, None);
        loop {
            let page = store.members(id, after.as_deref(), limits::RECONCILE_PAGE).await?;
            {
                let state = self.state();
                let is_there = |user_id| self.status_in(&state, user_id) != Status::Offline;
                count += page.iter().filter(|member| is_there(member.user.id)).count();
            }
            match page.last() {
                Some(last) if page.len() == limits::RECONCILE_PAGE => after = Some(last.user.username.key()),
                _ => break,
            }
        }
        self.online_counts.set(id, count, Instant::now());
        Ok(count)
    }
}
