//! Presence: users see which of the users with whom they share a small conversation are online.
//!
//! Presence is derived from live connections and never stored, except for the time a user was last seen. A new connection gets
//! `presence.state`. Changes are collected for [`crate::limits::PRESENCE_DEBOUNCE`], because a page reload is not an absence, and are then
//! announced in one `presence.diff` per viewer. If the store does not answer, a change is kept and announced later.

mod diffs;
mod last_seen;
mod size;
mod size_change;
mod worker;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::small_conversation_probe;
use crate::domain::user::Status;
use crate::domain::{Code, ConversationId, Result, UserId};
use crate::registry::{Connection, EnqueueResult, Registry};
use crate::wire::frames;
use size_change::SizeChange;
pub use worker::Worker;

/// The presence of the users who are connected to this node.
pub struct Presence {
    registry: Arc<Registry>,
    state: Mutex<State>,
    changed: Notify,
}

/// The users who were announced as online, and the changes since.
#[derive(Default)]
struct State {
    /// The users who were announced as online.
    announced: HashSet<UserId>,
    changes: Changes,
}

/// Changes that are not announced yet. Bounded by the number of users and of conversations.
#[derive(Default)]
struct Changes {
    /// Users whose connections began or ended. The value is true if a `presence.state` differs from the announcements about the user: then
    /// the status is announced even if it is the old one again.
    users: HashMap<UserId, bool>,
    /// Conversations that users joined or left.
    sizes: HashMap<ConversationId, SizeChange>,
}

impl Presence {
    /// Returns the presence of the connections in `registry`.
    pub fn new(registry: &Arc<Registry>) -> Self {
        Self { registry: Arc::clone(registry), state: Mutex::default(), changed: Notify::new() }
    }

    /// Records that a connection of this user began or ended.
    pub fn connections_changed(&self, user_id: UserId) {
        self.state().changes.users.entry(user_id).or_default();
        self.changed.notify_one();
    }

    /// Records that `growth` users joined a conversation, or left it if the number is negative.
    pub fn members_changed(&self, id: ConversationId, growth: i64) {
        self.state().changes.sizes.entry(id).or_default().add(growth);
        self.changed.notify_one();
    }

    /// Adds the state of a user's contacts to the send queue of a new connection.
    pub fn enqueue_contacts(&self, connection: &Connection, contacts: &[UserId]) {
        self.enqueue_users(connection, None, contacts);
    }

    /// Adds the state of a conversation's members to the send queue of a new connection. `members` are all of them, or
    /// [`small_conversation_probe`] members of a large conversation.
    pub fn enqueue_members(&self, connection: &Connection, id: ConversationId, members: &[UserId]) {
        if members.len() == small_conversation_probe() {
            connection.send_queue.enqueue(frames::presence_state(Some(id), &[], Some(self.registry.user_count(id))));
        } else {
            let others: Vec<UserId> = members.iter().copied().filter(|id| *id != connection.user_id).collect();
            self.enqueue_users(connection, Some(id), &others);
        }
    }

    fn enqueue_users(&self, connection: &Connection, id: Option<ConversationId>, users: &[UserId]) {
        let is_online = |id: &UserId| self.registry.status(*id) == Status::Online;
        let (online, offline): (Vec<UserId>, Vec<UserId>) = users.iter().copied().partition(is_online);
        let frame = frames::presence_state(id, &online, None);
        let mut state = self.state();
        let State { announced, changes } = &mut *state;
        // The client shows a status for these users that other clients do not. If it changed back, it would not be announced.
        let unannounced_online = online.iter().filter(|id| !announced.contains(id));
        let unannounced_offline = offline.iter().filter(|id| announced.contains(id));
        let mut is_different = false;
        for user_id in unannounced_online.chain(unannounced_offline) {
            changes.users.insert(*user_id, true);
            is_different = true;
        }
        // The frame is added under the lock, so that no newer diff is in the queue before it. It is written afterwards.
        let enqueued = connection.send_queue.enqueue(frame);
        drop(state);
        if enqueued == EnqueueResult::FlushDue {
            connection.send_queue.flush();
        }
        if is_different {
            self.changed.notify_one();
        }
    }

    /// Takes the changes and marks them as announced.
    fn take(&self) -> TakenChanges {
        let mut state = self.state();
        let State { announced, changes } = &mut *state;
        let Changes { users, sizes } = std::mem::take(changes);
        let mut taken = TakenChanges { users: HashSet::new(), disconnected: Vec::new(), sizes };
        for (user_id, must_announce) in users {
            let is_new = match self.registry.status(user_id) {
                Status::Online => announced.insert(user_id),
                Status::Offline => {
                    taken.disconnected.push(user_id);
                    announced.remove(&user_id)
                }
            };
            if is_new || must_announce {
                taken.users.insert(user_id);
            }
        }
        taken
    }

    /// Returns a user's announced status.
    fn announced(&self, user_id: UserId) -> Status {
        if self.state().announced.contains(&user_id) { Status::Online } else { Status::Offline }
    }

    /// Returns those of these users who were announced as online.
    fn announced_online(&self, users: impl IntoIterator<Item = UserId>) -> Vec<UserId> {
        let state = self.state();
        users.into_iter().filter(|id| state.announced.contains(id)).collect()
    }

    /// Recovers a poisoned lock: a panic leaves the sets valid.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the error of a call that is worth a retry. Ignores any other: the store has logged it, and would fail in the same way again.
fn ignore_defect<T: Default>(result: Result<T>) -> Result<T> {
    match result {
        Err(error) if error.code != Code::Unavailable => Ok(T::default()),
        result => result,
    }
}

/// Changes that are announced next.
struct TakenChanges {
    /// Users with a status that is new to viewers.
    users: HashSet<UserId>,
    /// Users who no longer have a connection.
    disconnected: Vec<UserId>,
    sizes: HashMap<ConversationId, SizeChange>,
}
