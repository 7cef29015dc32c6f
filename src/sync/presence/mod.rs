//! Presence: users see which of the users with whom they share a small conversation are online.
//!
//! Presence is derived from live connections and never stored, except for the time a user was last seen. A connection begins with
//! `presence.state`. Changes gather for [`crate::limits::PRESENCE_DEBOUNCE`], because a page reload is not an absence, and are then announced
//! in one `presence.diff` per viewer. A change that the store could not be asked about is kept and announced later.

mod diffs;
mod last_seen;
mod size;
mod size_change;
mod worker;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::beyond_small;
use crate::domain::user::Status;
use crate::domain::{Code, ConversationId, Result, UserId};
use crate::registry::{Connection, Registry};
use crate::wire::frames;
use size_change::SizeChange;
pub use worker::Worker;

/// The presence of the users who are connected to this node.
pub struct Presence {
    registry: Arc<Registry>,
    board: Mutex<Board>,
    changed: Notify,
}

/// The users who were announced as online, and the changes since.
#[derive(Default)]
struct Board {
    /// The users who are online by the announcements so far.
    announced: HashSet<UserId>,
    changes: Changes,
}

/// Changes that are not announced yet. Bounded by the number of users and of conversations.
#[derive(Default)]
struct Changes {
    /// Users whose connections came or went. True for a user of whom a `presence.state` differs from the announcements: their status is
    /// announced even if it is the old one again.
    users: HashMap<UserId, bool>,
    /// Conversations that users joined or left.
    sizes: HashMap<ConversationId, SizeChange>,
}

impl Presence {
    /// The presence of the connections in `registry`.
    pub fn new(registry: &Arc<Registry>) -> Self {
        Self { registry: Arc::clone(registry), board: Mutex::default(), changed: Notify::new() }
    }

    /// Notes that a connection of this user began or ended.
    pub fn connections_changed(&self, user_id: UserId) {
        self.board().changes.users.entry(user_id).or_default();
        self.changed.notify_one();
    }

    /// Notes that so many users joined a conversation, or left it if the number is negative.
    pub fn members_changed(&self, id: ConversationId, growth: i64) {
        self.board().changes.sizes.entry(id).or_default().add(growth);
        self.changed.notify_one();
    }

    /// Puts the state of a user's contacts into the queue of a connection that begins.
    pub fn put_state(&self, connection: &Connection, contacts: &[UserId]) {
        self.put_users(connection, None, contacts);
    }

    /// Puts the state of a conversation's members into the queue of a connection that begins. `members` are all of them, or
    /// [`beyond_small`] of those of a large conversation.
    pub fn put_state_of(&self, connection: &Connection, id: ConversationId, members: &[UserId]) {
        if members.len() == beyond_small() {
            connection.send_queue.enqueue(frames::presence_state(Some(id), &[], Some(self.registry.user_count(id))));
        } else {
            let others: Vec<UserId> = members.iter().copied().filter(|id| *id != connection.user_id).collect();
            self.put_users(connection, Some(id), &others);
        }
    }

    fn put_users(&self, connection: &Connection, id: Option<ConversationId>, users: &[UserId]) {
        let is_online = |id: &UserId| self.registry.status(*id) == Status::Online;
        let (online, offline): (Vec<UserId>, Vec<UserId>) = users.iter().copied().partition(is_online);
        let frame = frames::presence_state(id, &online, None);
        let mut board = self.board();
        let Board { announced, changes } = &mut *board;
        // The connection shows these otherwise than all others do. A status that changes back would not be announced.
        let ahead = online.iter().filter(|id| !announced.contains(id));
        let behind = offline.iter().filter(|id| announced.contains(id));
        let mut is_different = false;
        for user_id in ahead.chain(behind) {
            changes.users.insert(*user_id, true);
            is_different = true;
        }
        // Under the lock, so that no newer diff can be in the queue before the state. The queue is corked: nothing is written here.
        connection.send_queue.enqueue(frame);
        drop(board);
        if is_different {
            self.changed.notify_one();
        }
    }

    /// Takes the changes, and counts them as announced.
    fn take(&self) -> Taken {
        let mut board = self.board();
        let Board { announced, changes } = &mut *board;
        let Changes { users, sizes } = std::mem::take(changes);
        let mut taken = Taken { users: HashSet::new(), gone: Vec::new(), sizes };
        for (user_id, must_announce) in users {
            let is_new = match self.registry.status(user_id) {
                Status::Online => announced.insert(user_id),
                Status::Offline => {
                    taken.gone.push(user_id);
                    announced.remove(&user_id)
                }
            };
            if is_new || must_announce {
                taken.users.insert(user_id);
            }
        }
        taken
    }

    /// Returns a user's status as it was announced.
    fn announced(&self, user_id: UserId) -> Status {
        if self.board().announced.contains(&user_id) { Status::Online } else { Status::Offline }
    }

    /// Returns those of these users who were announced as online.
    fn announced_online(&self, users: impl IntoIterator<Item = UserId>) -> Vec<UserId> {
        let board = self.board();
        users.into_iter().filter(|id| board.announced.contains(id)).collect()
    }

    /// A panic under the lock leaves sets that are still sets.
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the failure of a call that is worth a retry. The store has logged any other, and would fail in the same way again.
fn ignore_defect<T: Default>(answer: Result<T>) -> Result<T> {
    match answer {
        Err(error) if error.code != Code::Unavailable => Ok(T::default()),
        answer => answer,
    }
}

/// Changes that are to be announced.
struct Taken {
    /// Users with a status that is new to viewers.
    users: HashSet<UserId>,
    /// Users who have no connection any more.
    gone: Vec<UserId>,
    sizes: HashMap<ConversationId, SizeChange>,
}
