//! Presence: users see which of the users with whom they share a small conversation are online or away.
//!
//! Presence is derived from live connections and never stored, except for the time a user was last seen. A new connection gets
//! `presence.state`. Changes are collected for [`crate::limits::PRESENCE_DEBOUNCE`], and are then announced in one `presence.diff` per viewer. If the
//! store does not answer, a change is kept and announced later.
//!
//! A user whose connection ended is [still shown](lingering) for a moment, because a page reload is not an absence, and for longer if the
//! connection was lost.
//!
//! Each node tells the others who is connected to it ([`exchange`]), and announces to its own viewers: a user is online if they are at one node
//! ([`nodes`]).
//!
//! Two users between whom there is a block do not see each other's presence. A block is announced like the end of the last connection. Later
//! changes are announced to all other viewers: the store knows the blocks. If the bus lost the news of a block, a comparison with the store finds it, and
//! both users' connections get a new `presence.state`.

mod changes;
mod diffs;
mod exchange;
mod last_seen;
mod lingering;
mod node;
mod nodes;
mod online_count;
mod own;
mod size;
mod size_change;
mod users;
mod worker;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout_at};

use super::small_conversation_probe;
use crate::bus::{NodePresence, PresenceNews};
use crate::delivery::PresenceChanges;
use crate::domain::user::Status;
use crate::domain::{Code, ConversationId, Incarnation, Result, Timestamp, UserId};
use crate::limits::{self, PresenceTimes};
use crate::registry::{Connection, EnqueueResult, Registry};
use crate::store::Store;
use crate::wire::frames;
use changes::Changes;
pub use lingering::Departure;
use lingering::{Lingering, grace};
use nodes::Nodes;
use online_count::OnlineCounts;
use own::Own;
pub use worker::Worker;

/// The presence of the users of this node and of the others.
pub struct Presence {
    registry: Arc<Registry>,
    times: PresenceTimes,
    state: Mutex<State>,
    changed: Notify,
    started_at: Instant,
    /// The users of the other nodes were known once.
    settled: watch::Sender<bool>,
    /// Wakes the exchange: another node asks for the state of this one, or told the state that this one waits for.
    look_now: Notify,
    online_counts: OnlineCounts,
}

/// The announced presence of users, and the changes since.
struct State {
    /// The users who were announced as online or away.
    announced: HashMap<UserId, Status>,
    /// The users whose change the worker has taken and not announced yet. Clients may still show the status before it.
    due: HashSet<UserId>,
    changes: Changes,
    /// The users who are still shown after a connection to this node ended.
    lingering: Lingering,
    /// The times at which the last connections of users ended, who are still online at other nodes. Bounded as `nodes` is.
    ends: HashMap<UserId, Timestamp>,
    /// The users of other nodes.
    nodes: Nodes,
    /// The users of this node, as the others were told.
    own: Own,
    /// The id of this node.
    own_id: Incarnation,
    /// Another node has asked for the state of this one.
    is_state_requested: bool,
}

/// A viewer, and a user whose presence the viewer sees or not. The value of a map is true if clients may show the user as online.
type BlockedView = (UserId, UserId);

impl Presence {
    /// Returns the presence of the connections in `registry`.
    pub fn new(registry: &Arc<Registry>, times: PresenceTimes) -> Self {
        let state = State {
            announced: HashMap::new(),
            due: HashSet::new(),
            changes: Changes::default(),
            lingering: Lingering::default(),
            ends: HashMap::new(),
            nodes: Nodes::new(times),
            own: Own::default(),
            own_id: Incarnation::new(),
            is_state_requested: false,
        };
        Self {
            registry: Arc::clone(registry),
            times,
            state: Mutex::new(state),
            changed: Notify::new(),
            started_at: Instant::now(),
            settled: watch::Sender::default(),
            look_now: Notify::new(),
            online_counts: OnlineCounts::default(),
        }
    }

    /// Records that a connection of this user began.
    pub fn connection_began(&self, user_id: UserId) {
        let mut state = self.state();
        state.lingering.remove(user_id);
        state.ends.remove(&user_id);
        if state.own.get(user_id) == Status::Offline {
            state.changes.arrived.insert(user_id);
        }
        state.changes.add_user(user_id, Instant::now() + limits::PRESENCE_DEBOUNCE);
        drop(state);
        self.changed.notify_one();
    }

    /// Records that this connection ended. It is no longer registered.
    pub fn connection_ended(&self, connection: &Connection, departure: Departure) {
        let status = if connection.is_away() { Status::Away } else { Status::Online };
        let time = grace(departure, self.times);
        self.state().lingering.add(connection.user_id, status, time, Instant::now());
        self.changed.notify_one();
    }

    /// Records that this user left a connection, which stays open, or came back to it.
    pub fn away_changed(&self, user_id: UserId) {
        self.state().changes.add_user(user_id, Instant::now() + limits::PRESENCE_DEBOUNCE);
        self.changed.notify_one();
    }

    /// Records that the bus lost a change of this user's blocks. The user's connections get a new state, because nobody knows which block it was.
    pub fn blocks_missed(&self, user_id: UserId) {
        self.state().changes.restate(user_id, Instant::now());
        self.changed.notify_one();
    }

    /// Returns a user's presence by their connections to all nodes.
    fn status_in(&self, state: &State, user_id: UserId) -> Status {
        self.own_status_in(state, user_id).merged(state.nodes.status(user_id))
    }

    /// Returns a user's presence by their connections to this node.
    fn own_status_in(&self, state: &State, user_id: UserId) -> Status {
        self.registry.status(user_id).merged(state.lingering.status(user_id, Instant::now()))
    }

    /// Waits until this node knows the users of the others, but not for longer than [`limits::PRESENCE_SETTLE_MAX`] after its start.
    pub async fn settled(&self) {
        let mut settled = self.settled.subscribe();
        // It fails when the time is over.
        let _ = timeout_at(self.started_at + limits::PRESENCE_SETTLE_MAX, settled.wait_for(|settled| *settled)).await;
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
            let count = self.online_count(id, store).await?;
            connection.send_queue.enqueue(frames::presence_state(Some(id), &[], Some(count)));
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
        let statuses: Vec<(UserId, Status)> = {
            let state = self.state();
            users.iter().map(|id| (*id, self.status_in(&state, *id))).collect()
        };
        let connected: Vec<(UserId, Status)> =
            statuses.iter().copied().filter(|(_, status)| *status != Status::Offline).collect();
        let frame = frames::presence_state(id, &connected, None);
        let mut state = self.state();
        let State { announced, changes, .. } = &mut *state;
        // The client shows a status for these users that other clients do not. If it changed back, it would not be announced.
        let mut is_different = false;
        for (user_id, status) in statuses {
            if announced_status(announced, user_id) != status {
                changes.force_user(user_id, Instant::now() + limits::PRESENCE_DEBOUNCE);
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
    fn status(&self, user_id: UserId) -> Status {
        match self.registry.status(user_id) {
            Status::Online => Status::Online,
            Status::Away | Status::Offline => self.status_in(&self.state(), user_id),
        }
    }

    fn members_changed(&self, id: ConversationId, growth: i64) {
        self.state().changes.add_growth(id, growth, Instant::now() + limits::PRESENCE_DEBOUNCE);
        self.changed.notify_one();
    }

    fn block_changed(&self, one: UserId, other: UserId) {
        let mut state = self.state();
        for view in [(one, other), (other, one)] {
            let user_id = view.1;
            // Every answer shows a user who is connected, also before the worker announces it.
            let is_shown = self.status_in(&state, user_id) != Status::Offline
                || state.announced.contains_key(&user_id)
                || state.due.contains(&user_id)
                || state.changes.is_forced(user_id);
            state.changes.add_block(view, is_shown, Instant::now() + limits::PRESENCE_DEBOUNCE);
        }
        drop(state);
        self.changed.notify_one();
    }

    fn shown_as_offline(&self, user_id: UserId) {
        let mut state = self.state();
        // Each node announces them to its own viewers.
        if self.status_in(&state, user_id) != Status::Offline {
            state.changes.force_user(user_id, Instant::now() + limits::PRESENCE_DEBOUNCE);
            drop(state);
            self.changed.notify_one();
        }
    }

    fn node_presence(&self, presence: NodePresence) {
        let now = Instant::now();
        let mut state = self.state();
        if presence.node == state.own_id {
            return;
        }
        let is_request = presence.news == PresenceNews::Request(state.own_id);
        state.is_state_requested |= is_request;
        let changed = state.nodes.take(presence, now);
        if is_request || !*self.settled.borrow() {
            self.look_now.notify_one();
        }
        if changed.is_empty() {
            return;
        }
        for change in changed {
            if change.status != Status::Offline
                && let Some(ended_at) = state.lingering.remove(change.user_id)
            {
                // The user who was lost here has come back there.
                state.ends.insert(change.user_id, ended_at);
            }
            let conversations = change.conversations;
            state.changes.add_remote_user(change.user_id, conversations, now + limits::PRESENCE_REMOTE_DEBOUNCE);
        }
        drop(state);
        self.changed.notify_one();
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
