//! The users of one node with their statuses, and a digest over them.

use std::collections::HashMap;

use crate::domain::UserId;
use crate::domain::user::Status;

/// Users who are not offline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Users {
    statuses: HashMap<UserId, Status>,
    /// A sum over the entries: it is the same for the same entries in each order, and follows a change without a look at the others.
    digest: u64,
}

impl Users {
    pub(super) fn len(&self) -> usize {
        self.statuses.len()
    }

    pub(super) fn digest(&self) -> u64 {
        self.digest
    }

    pub(super) fn get(&self, user_id: UserId) -> Status {
        self.statuses.get(&user_id).copied().unwrap_or(Status::Offline)
    }

    /// Sets a user's status. Returns the one before.
    pub(super) fn set(&mut self, user_id: UserId, status: Status) -> Status {
        let before = match status {
            Status::Offline => self.statuses.remove(&user_id),
            Status::Online | Status::Away => self.statuses.insert(user_id, status),
        };
        let before = before.unwrap_or(Status::Offline);
        self.digest = self.digest.wrapping_sub(hash(user_id, before)).wrapping_add(hash(user_id, status));
        before
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (UserId, Status)> {
        self.statuses.iter().map(|(user_id, status)| (*user_id, *status))
    }
}

/// Returns the same value for an entry on each node. It need not resist an attacker: nodes trust each other, and users choose no ids.
fn hash(user_id: UserId, status: Status) -> u64 {
    // An odd number whose bits are mixed well: 2^64 divided by the golden ratio.
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let weight = match status {
        Status::Offline => return 0,
        Status::Away => 1,
        Status::Online => 2,
    };
    let (high, low) = user_id.0.as_u64_pair();
    let mixed = (high.wrapping_mul(FACTOR) ^ low).wrapping_mul(FACTOR);
    (mixed ^ (mixed >> 32)).wrapping_mul(FACTOR).wrapping_mul(weight)
}

#[cfg(test)]
mod tests {
    use super::Users;
    use crate::domain::UserId;
    use crate::domain::user::Status;

    #[test]
    fn the_digest_follows_the_entries_in_each_order() {
        let (ada, bob) = (UserId::new(), UserId::new());
        let (mut one, mut other) = (Users::default(), Users::default());
        one.set(ada, Status::Online);
        one.set(bob, Status::Away);
        other.set(bob, Status::Online);
        assert_ne!(one.digest(), other.digest());
        other.set(ada, Status::Online);
        assert_ne!(one.digest(), other.digest(), "a status counts");
        assert_eq!(other.set(bob, Status::Away), Status::Online);
        assert_eq!(one, other);
        one.set(ada, Status::Offline);
        one.set(bob, Status::Offline);
        assert_eq!(one, Users::default());
    }
}
