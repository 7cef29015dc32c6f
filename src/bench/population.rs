//! The accounts and conversations that a scenario needs.

/// Users, numbered from 0, and the rooms they are members of.
pub(super) struct Population {
    pub(super) users: usize,
    /// The members of each room; the first one is its owner.
    pub(super) rooms: Vec<Vec<usize>>,
    /// Messages in the first room, sent by its owner.
    pub(super) messages: usize,
}

impl Population {
    /// These rooms, without messages.
    pub(super) fn new(users: usize, rooms: Vec<Vec<usize>>) -> Self {
        Self { users, rooms, messages: 0 }
    }

    /// Conversations of two that share no users.
    pub(super) fn pairs(conversations: usize) -> Self {
        Self::new(2 * conversations, (0..conversations).map(|number| vec![2 * number, 2 * number + 1]).collect())
    }
}
