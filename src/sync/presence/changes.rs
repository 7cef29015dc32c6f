//! Changes of presence that are not announced yet, and the steps in which the worker takes them.

use std::collections::{HashMap, HashSet};

use tokio::time::Instant;

use super::size_change::SizeChange;
use super::{BlockedView, Presence, State};
use crate::bus::{NodePresence, PresenceChange};
use crate::domain::user::Status;
use crate::domain::{ConversationId, Timestamp, UserId};
use crate::limits;

/// Changes that are not announced yet. Bounded by the number of users and of conversations.
#[derive(Default)]
pub(super) struct Changes {
    users: HashMap<UserId, UserChange>,
    /// Users whose first connection to this node began. The other nodes are told at once: a user who moves from one node to another is online at one
    /// of them all the time.
    pub(super) arrived: HashSet<UserId>,
    /// Conversations that users joined or left.
    sizes: HashMap<ConversationId, SizeChange>,
    /// Users whose presence a block hides from a viewer, or shows again.
    blocks: HashMap<BlockedView, bool>,
    /// Users whose connections get a new state.
    restated: HashSet<UserId>,
    /// The time at which the changes are announced.
    announce_at: Option<Instant>,
}

/// A user whose status may have changed.
#[derive(Default)]
struct UserChange {
    /// A `presence.state` differs from the announcements about the user: then the status is announced even if it is the old one again.
    is_forced: bool,
    /// See [`PresenceChange::conversations`].
    conversations: Option<Vec<ConversationId>>,
}

impl Changes {
    pub(super) fn add_user(&mut self, user_id: UserId, at: Instant) {
        self.users.entry(user_id).or_default();
        self.announce_by(at);
    }

    pub(super) fn force_user(&mut self, user_id: UserId, at: Instant) {
        self.users.entry(user_id).or_default().is_forced = true;
        self.announce_by(at);
    }

    pub(super) fn is_forced(&self, user_id: UserId) -> bool {
        self.users.get(&user_id).is_some_and(|change| change.is_forced)
    }

    /// Adds a user whose status changed at another node.
    pub(super) fn add_remote_user(&mut self, user_id: UserId, ids: Option<Vec<ConversationId>>, at: Instant) {
        self.add_user(user_id, at);
        self.set_conversations(user_id, ids);
    }

    /// Records a user's small conversations.
    pub(super) fn set_conversations(&mut self, user_id: UserId, ids: Option<Vec<ConversationId>>) {
        let has_room = self.users.len() <= limits::PRESENCE_CONVERSATIONS_KEPT_MAX;
        if let Some(change) = self.users.get_mut(&user_id) {
            change.conversations = ids.filter(|_| has_room);
        }
    }

    pub(super) fn add_growth(&mut self, id: ConversationId, growth: i64, at: Instant) {
        self.sizes.entry(id).or_default().add(growth);
        self.announce_by(at);
    }

    pub(super) fn add_block(&mut self, view: BlockedView, is_shown: bool, at: Instant) {
        *self.blocks.entry(view).or_default() |= is_shown;
        self.announce_by(at);
    }

    pub(super) fn restate(&mut self, user_id: UserId, at: Instant) {
        self.restated.insert(user_id);
        self.announce_by(at);
    }

    fn announce_by(&mut self, at: Instant) {
        self.announce_at = Some(self.announce_at.map_or(at, |earlier| earlier.min(at)));
    }
}

/// Changes that are announced next.
pub(super) struct TakenChanges {
    /// Users with a status that is new to viewers, with their small conversations if those are known.
    pub(super) users: HashMap<UserId, Option<Vec<ConversationId>>>,
    /// Users who no longer have a connection, and the times at which their last ones ended.
    pub(super) disconnected: Vec<(UserId, Timestamp)>,
    pub(super) sizes: HashMap<ConversationId, SizeChange>,
    pub(super) blocks: HashMap<BlockedView, bool>,
    pub(super) restated: HashSet<UserId>,
}

impl Presence {
    /// Returns the time at which the worker has something to do.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        let state = self.state();
        state.changes.announce_at.into_iter().chain(state.lingering.next()).min()
    }

    /// Adds the users who have lingered long enough to the changes. Returns true if changes are to be announced now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let mut state = self.state();
        let State { changes, lingering, ends, .. } = &mut *state;
        for (user_id, ended_at) in lingering.expire(now) {
            if let Some(ended_at) = ended_at.filter(|_| self.registry.status(user_id) == Status::Offline) {
                ends.insert(user_id, ended_at);
            }
            changes.add_user(user_id, now);
        }
        changes.announce_at.is_some_and(|at| at <= now)
    }

    /// Returns the users whose new status the other nodes are to be told now.
    pub(super) fn untold(&self, is_due: bool) -> Vec<UserId> {
        let mut state = self.state();
        let mut users = std::mem::take(&mut state.changes.arrived);
        if is_due {
            users.extend(state.changes.users.keys());
        }
        users.retain(|user_id| state.own.get(*user_id) != self.own_status_in(&state, *user_id));
        users.into_iter().collect()
    }

    /// Records the statuses of these users as told. Returns the news, unless there are none.
    pub(super) fn tell(&self, users: Vec<(UserId, Option<Vec<ConversationId>>)>) -> Option<NodePresence> {
        let mut state = self.state();
        let mut changes = Vec::with_capacity(users.len());
        for (user_id, conversations) in users {
            state.changes.set_conversations(user_id, conversations.clone());
            changes.push(PresenceChange { user_id, status: self.own_status_in(&state, user_id), conversations });
        }
        let news = state.own.change(changes)?;
        Some(NodePresence { node: state.own_id, version: state.own.version(), news })
    }

    /// Takes the changes and marks them as announced.
    pub(super) fn take(&self) -> TakenChanges {
        let mut state = self.state();
        let Changes { users, arrived, sizes, blocks, restated, announce_at: _ } = std::mem::take(&mut state.changes);
        state.changes.arrived = arrived;
        let mut taken = TakenChanges { users: HashMap::new(), disconnected: Vec::new(), sizes, blocks, restated };
        for (user_id, UserChange { is_forced, conversations }) in users {
            let status = self.status_in(&state, user_id);
            let before = match status {
                Status::Online | Status::Away => state.announced.insert(user_id, status),
                Status::Offline => {
                    taken.disconnected.extend(state.ends.remove(&user_id).map(|ended_at| (user_id, ended_at)));
                    state.announced.remove(&user_id)
                }
            };
            if before.unwrap_or(Status::Offline) != status || is_forced {
                taken.users.insert(user_id, conversations);
                state.due.insert(user_id);
            }
        }
        taken
    }

    /// Takes the users whose last connections ended and who are at no other node, because this node stops.
    pub(super) fn take_ends(&self) -> Vec<(UserId, Timestamp)> {
        let mut state = self.state();
        let mut ends = std::mem::take(&mut state.ends);
        ends.extend(state.lingering.take_all());
        let is_gone = |user_id| self.status_in(&state, user_id) == Status::Offline;
        ends.into_iter().filter(|(user_id, _)| is_gone(*user_id)).collect()
    }
}
