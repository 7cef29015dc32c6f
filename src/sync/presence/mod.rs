//! Presence: users see which of the users with whom they share a small conversation are online or away.
//!
//! Presence is derived from live connections and never stored, except for the time a user was last seen. A new connection gets
//! `presence.state`. Changes are collected for [`crate::limits::PRESENCE_DEBOUNCE`], because a page reload is not an absence, and are then
//! announced in one `presence.diff` per viewer. If the store does not answer, a change is kept and announced later.
//!
//! Two users between whom there is a block do not see each other's presence. A block is announced like the end of the last connection. Later
//! changes are announced to all other viewers: the store knows the blocks.

mod diffs;
mod last_seen;
mod size;
mod size_change;
mod worker;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::small_conversation_probe;
use crate::delivery::PresenceChanges;
use crate::domain::user::Status;
use crate::domain::{Code, ConversationId, Result, UserId};
use crate::registry::{Connection, EnqueueResult, Registry};
use crate::store::Store;
use crate::wire::frames;
use size_change::SizeChange;
pub use worker::Worker;

/// The presence of the users who are connected to this node.
pub struct Presence {
    registry: Arc<Registry>,
    state: Mutex<State>,
    changed: Notify,
}

/// The announced presence of users, and the changes since.
#[derive(Default)]
struct State {
    /// The users who were announced as online or away.
    announced: HashMap<UserId, Status>,
    /// The users whose change the worker has taken and not announced yet. Clients may still show the status before it.
    due: HashSet<UserId>,
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
    /// Users whose presence a block hides from a viewer, or shows again.
    blocks: HashMap<BlockedView, bool>,
}

/// A viewer, and a user whose presence the viewer sees or not. The value of a map is true if clients may show the user as online.
type BlockedView = (UserId, UserId);

impl Presence {
    /// Returns the presence of the connections in `registry`.
    pub fn new(registry: &Arc<Registry>) -> Self {
        Self { registry: Arc::clone(registry), state: Mutex::default(), changed: Notify::new() }
    }

    /// Records that a connection of this user began or ended, or that the user left it or came back.
    pub fn connections_changed(&self, user_id: UserId) {
        self.state().changes.users.entry(user_id).or_default();
        self.changed.notify_one();
    }

    /// Adds the state of a user's co-members to the send queue of a new connection.
    pub async fn enqueue_co_members(
        &self,
        connection: &Connection,
        co_members: &[UserId],
        store: &dyn Store,
    ) -> Result<()> {
        self.enqueue_visible(connection, None, co_members, store).await
    }

    /// Adds the state of a conversation's members to the send queue of a new connection. `members` are all of them, or
    /// [`small_conversation_probe`] members of a large conversation.
    pub async fn enqueue_members(
        &self,
        connection: &Connection,
        id: ConversationId,
        members: &[UserId],
        store: &dyn Store,
    ) -> Result<()> {
        if members.len() == small_conversation_probe() {
            connection.send_queue.enqueue(frames::presence_state(Some(id), &[], Some(self.registry.user_count(id))));
            return Ok(());
        }
        let others: Vec<UserId> = members.iter().copied().filter(|id| *id != connection.user_id).collect();
        self.enqueue_visible(connection, Some(id), &others, store).await
    }

    /// Adds the state of those of these users whose presence the connection's user may see.
    async fn enqueue_visible(
        &self,
        connection: &Connection,
        id: Option<ConversationId>,
        users: &[UserId],
        store: &dyn Store,
    ) -> Result<()> {
        let hidden = blocks_with(store, connection.user_id, users).await?;
        let visible: Vec<UserId> = users.iter().copied().filter(|id| !hidden.contains(id)).collect();
        let connected = self.enqueue_users(connection, id, &visible);
        // A block since the first look may have been announced before the state was in the queue.
        for user_id in blocks_with(store, connection.user_id, &connected).await? {
            self.block_changed(connection.user_id, user_id);
        }
        Ok(())
    }

    /// Returns the users who have connections in the state.
    fn enqueue_users(&self, connection: &Connection, id: Option<ConversationId>, users: &[UserId]) -> Vec<UserId> {
        let statuses: Vec<(UserId, Status)> = users.iter().map(|id| (*id, self.registry.status(*id))).collect();
        let connected: Vec<(UserId, Status)> =
            statuses.iter().copied().filter(|(_, status)| *status != Status::Offline).collect();
        let frame = frames::presence_state(id, &connected, None);
        let mut state = self.state();
        let State { announced, changes, .. } = &mut *state;
        // The client shows a status for these users that other clients do not. If it changed back, it would not be announced.
        let mut is_different = false;
        for (user_id, status) in statuses {
            if announced_status(announced, user_id) != status {
                changes.users.insert(user_id, true);
                is_different = true;
            }
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
        connected.into_iter().map(|(user_id, _)| user_id).collect()
    }

    /// Takes the changes and marks them as announced.
    fn take(&self) -> TakenChanges {
        let mut state = self.state();
        let State { announced, due, changes } = &mut *state;
        let Changes { users, sizes, blocks } = std::mem::take(changes);
        let mut taken = TakenChanges { users: HashSet::new(), disconnected: Vec::new(), sizes, blocks };
        for (user_id, must_announce) in users {
            let status = self.registry.status(user_id);
            let before = match status {
                Status::Online | Status::Away => announced.insert(user_id, status),
                Status::Offline => {
                    taken.disconnected.push(user_id);
                    announced.remove(&user_id)
                }
            };
            if before.unwrap_or(Status::Offline) != status || must_announce {
                taken.users.insert(user_id);
                due.insert(user_id);
            }
        }
        taken
    }

    /// Records which of the changes that were taken are not announced yet.
    fn set_due(&self, due: HashSet<UserId>) {
        self.state().due = due;
    }

    /// Returns a user's announced status.
    fn announced(&self, user_id: UserId) -> Status {
        announced_status(&self.state().announced, user_id)
    }

    /// Returns those of these users who were announced as online or away.
    fn announced_connected(&self, users: impl IntoIterator<Item = UserId>) -> Vec<(UserId, Status)> {
        let state = self.state();
        users.into_iter().filter_map(|id| Some((id, *state.announced.get(&id)?))).collect()
    }

    /// Recovers a poisoned lock: a panic leaves the sets valid.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PresenceChanges for Presence {
    fn members_changed(&self, id: ConversationId, growth: i64) {
        self.state().changes.sizes.entry(id).or_default().add(growth);
        self.changed.notify_one();
    }

    fn block_changed(&self, one: UserId, other: UserId) {
        let mut state = self.state();
        let State { announced, due, changes } = &mut *state;
        for (viewer_id, user_id) in [(one, other), (other, one)] {
            // Every answer shows a user who is connected, also before the worker announces it.
            let is_shown = self.registry.status(user_id) != Status::Offline
                || announced.contains_key(&user_id)
                || due.contains(&user_id)
                || changes.users.get(&user_id) == Some(&true);
            *changes.blocks.entry((viewer_id, user_id)).or_default() |= is_shown;
        }
        drop(state);
        self.changed.notify_one();
    }

    fn shown_as_offline(&self, user_id: UserId) {
        // The node that the user is connected to announces them.
        if self.registry.status(user_id) != Status::Offline {
            self.state().changes.users.insert(user_id, true);
            self.changed.notify_one();
        }
    }
}

fn announced_status(announced: &HashMap<UserId, Status>, user_id: UserId) -> Status {
    announced.get(&user_id).copied().unwrap_or(Status::Offline)
}

/// Returns those of these users with whom the viewer has a block. Does not ask the store about nobody.
async fn blocks_with(store: &dyn Store, viewer_id: UserId, users: &[UserId]) -> Result<HashSet<UserId>> {
    let found = if users.is_empty() { Vec::new() } else { store.blocks_with(viewer_id, users).await? };
    Ok(found.into_iter().collect())
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
    blocks: HashMap<BlockedView, bool>,
}
