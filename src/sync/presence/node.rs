//! Another node: its users, as far as this node has heard of them.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use super::users::Users;
use crate::bus::{PresenceChange, PresenceNews};
use crate::domain::UserId;
use crate::domain::user::Status;
use crate::limits;

/// Another node and its users.
pub(super) struct Node {
    pub(super) users: Users,
    /// The version of `users`.
    version: i64,
    /// The newest version that this node heard of.
    newest: i64,
    /// `users` may differ from what the node has, whatever the versions say.
    is_doubtful: bool,
    lacking_since: Option<Instant>,
    requested_at: Option<Instant>,
    /// Changes whose predecessors did not come yet, by version.
    early: BTreeMap<i64, Vec<PresenceChange>>,
    parts: Option<Parts>,
    pub(super) heard_at: Instant,
    pub(super) has_said_goodbye: bool,
}

/// The parts of a state that have come.
struct Parts {
    version: i64,
    count: usize,
    received: HashMap<usize, Vec<(UserId, Status)>>,
}

impl Node {
    /// Returns a node of which nothing is known yet. At version 0 each node has no users.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            users: Users::default(),
            version: 0,
            newest: 0,
            is_doubtful: false,
            lacking_since: None,
            requested_at: None,
            early: BTreeMap::new(),
            parts: None,
            heard_at: now,
            has_said_goodbye: false,
        }
    }

    /// Marks what is known as doubtful, so that the node is asked for its state.
    pub(super) fn doubt(&mut self) {
        self.is_doubtful = true;
    }

    pub(super) fn is_doubtful(&self) -> bool {
        self.is_doubtful
    }

    /// Takes news. Returns the users whose status at the node changed. `room` is the number of users that may be added.
    pub(super) fn take(&mut self, version: i64, news: PresenceNews, room: usize, now: Instant) -> Vec<PresenceChange> {
        self.heard_at = now;
        self.newest = self.newest.max(version);
        let changed = match news {
            PresenceNews::Changes(changes) => self.take_changes(version, changes, room),
            PresenceNews::State { part, parts, users } => self.take_part(version, part, parts, users, room),
            PresenceNews::Beat { users, digest } => {
                let is_same = (self.users.len(), self.users.digest()) == (users, digest);
                // Users for whom there was no room make a difference that a state does not mend.
                if version == self.version && !is_same && room > 0 {
                    self.is_doubtful = true;
                }
                Vec::new()
            }
            PresenceNews::Request(_) | PresenceNews::Goodbye => Vec::new(),
        };
        if self.lacks() {
            self.lacking_since.get_or_insert(now);
        } else {
            (self.lacking_since, self.requested_at) = (None, None);
        }
        changed
    }

    /// Returns true if the node is to be asked for its state now. `period` is the time in which an envelope may be late, and half of the time
    /// between two requests.
    pub(super) fn request_if_due(&mut self, period: Duration, now: Instant) -> bool {
        if self.has_said_goodbye || !self.lacks() {
            return false;
        }
        let since = *self.lacking_since.get_or_insert(now);
        let is_late = self.is_doubtful || now - since >= period;
        let is_due = is_late && self.requested_at.is_none_or(|at| now - at >= 2 * period);
        if is_due {
            self.requested_at = Some(now);
        }
        is_due
    }

    fn lacks(&self) -> bool {
        self.is_doubtful || self.version < self.newest
    }

    fn take_changes(&mut self, version: i64, changes: Vec<PresenceChange>, room: usize) -> Vec<PresenceChange> {
        if version <= self.version {
            return Vec::new();
        }
        if self.early.len() < limits::PRESENCE_EARLY_MAX {
            self.early.insert(version, changes);
        } else if version == self.version + 1 {
            // It is the one that the others wait for.
            self.early.pop_last();
            self.early.insert(version, changes);
        }
        self.apply_early(room)
    }

    /// Applies the changes that follow the version of `users`.
    fn apply_early(&mut self, room: usize) -> Vec<PresenceChange> {
        let (mut changed, mut room) = (Vec::new(), room);
        self.early = self.early.split_off(&(self.version + 1));
        while let Some(changes) = self.early.remove(&(self.version + 1)) {
            self.version += 1;
            for change in changes {
                let (user_id, status) = (change.user_id, change.status);
                let before = self.users.get(user_id);
                if before == status || before == Status::Offline && room == 0 {
                    continue;
                }
                room -= usize::from(before == Status::Offline);
                self.users.set(user_id, status);
                changed.push(change);
            }
        }
        changed
    }

    /// Takes a part of the state. Replaces the users when the last part has come.
    fn take_part(
        &mut self,
        version: i64,
        part: usize,
        count: usize,
        users: Vec<(UserId, Status)>,
        room: usize,
    ) -> Vec<PresenceChange> {
        let is_needed = version > self.version || version == self.version && self.is_doubtful;
        if !is_needed || part >= count || self.parts.as_ref().is_some_and(|parts| parts.version > version) {
            return Vec::new();
        }
        let mut parts = match self.parts.take() {
            Some(parts) if (parts.version, parts.count) == (version, count) => parts,
            _ => Parts { version, count, received: HashMap::new() },
        };
        let received: usize = parts.received.values().map(Vec::len).sum();
        if received + users.len() <= self.users.len() + room {
            parts.received.insert(part, users);
        }
        if parts.received.len() < count {
            self.parts = Some(parts);
            return Vec::new();
        }
        let mut changed = self.replace(parts.received.into_values().flatten());
        (self.version, self.is_doubtful) = (version, false);
        changed.extend(self.apply_early(room));
        changed
    }

    /// Replaces all users. Returns those whose status changed.
    fn replace(&mut self, users: impl Iterator<Item = (UserId, Status)>) -> Vec<PresenceChange> {
        let mut replacement = Users::default();
        let mut changed: Vec<(UserId, Status)> = Vec::new();
        for (user_id, status) in users {
            replacement.set(user_id, status);
            if self.users.get(user_id) != status {
                changed.push((user_id, status));
            }
        }
        let is_gone = |(user_id, _): &(UserId, Status)| replacement.get(*user_id) == Status::Offline;
        changed.extend(self.users.iter().filter(is_gone).map(|(user_id, _)| (user_id, Status::Offline)));
        self.users = replacement;
        let change = |(user_id, status)| PresenceChange { user_id, status, conversations: None };
        changed.into_iter().map(change).collect()
    }
}
