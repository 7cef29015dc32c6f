//! The presence of this node's users, as the other nodes have been told.

use super::users::Users;
use crate::bus::{PresenceChange, PresenceNews};
use crate::domain::UserId;
use crate::domain::user::Status;
use crate::limits;

/// Users of this node with the statuses that others were told.
#[derive(Default)]
pub(super) struct Own {
    users: Users,
    version: i64,
}

impl Own {
    pub(super) fn version(&self) -> i64 {
        self.version
    }

    /// Returns the status that the others were told.
    pub(super) fn get(&self, user_id: UserId) -> Status {
        self.users.get(user_id)
    }

    /// Records changes that are about to be told. Leaves out those that are none. Returns the news of the next version.
    pub(super) fn change(&mut self, mut changes: Vec<PresenceChange>) -> Option<PresenceNews> {
        changes.retain(|change| self.users.set(change.user_id, change.status) != change.status);
        if changes.is_empty() {
            return None;
        }
        self.version += 1;
        Some(PresenceNews::Changes(changes))
    }

    pub(super) fn beat(&self) -> PresenceNews {
        PresenceNews::Beat { users: self.users.len(), digest: self.users.digest() }
    }

    /// Returns all users, in parts that fit into an envelope. Nobody is one part too.
    pub(super) fn state(&self) -> Vec<PresenceNews> {
        let users: Vec<(UserId, Status)> = self.users.iter().collect();
        let per_part = limits::PRESENCE_PART_BYTES / size_of::<(UserId, Status)>();
        let parts = users.len().div_ceil(per_part).max(1);
        let part = |part: usize| {
            let users = users.iter().skip(part * per_part).take(per_part).copied().collect();
            PresenceNews::State { part, parts, users }
        };
        (0..parts).map(part).collect()
    }
}
