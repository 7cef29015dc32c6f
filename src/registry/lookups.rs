//! Lookups: who is connected to this node, and to what.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use super::Registry;
use super::connection::Connection;
use super::subscriptions::Subscription;
use crate::domain::session::SessionKey;
use crate::domain::user::Status;
use crate::domain::{ConversationId, Seq, SessionId, UserId};
use crate::limits;

impl Registry {
    /// The conversations that have subscriptions and a watermark on this node, with their watermarks.
    pub fn watermarks(&self) -> Vec<(ConversationId, Seq)> {
        self.rooms.entries(|id, room| Some((*id, room.watermark?)))
    }

    /// The users who are connected to this node.
    pub fn users(&self) -> Vec<UserId> {
        self.users.entries(|id, _| Some(*id))
    }

    /// The sessions that are connected to this node.
    pub fn sessions(&self) -> Vec<SessionKey> {
        self.sessions.entries(|id, of_it| Some(SessionKey { user_id: of_it.first()?.user_id, id: *id }))
    }

    /// The subscriptions of a conversation, live and paused.
    pub fn subscribers(&self, conversation_id: ConversationId) -> Arc<Vec<Subscription>> {
        self.rooms.with(&conversation_id, |shard| {
            shard.get(&conversation_id).map(|room| Arc::clone(&room.subscriptions)).unwrap_or_default()
        })
    }

    /// The number of users who have subscriptions in a conversation. The count is at most [`limits::PRESENCE_DEBOUNCE`] old, because
    /// a new count for each user who connects would cost more with each of them.
    pub fn user_count(&self, conversation_id: ConversationId) -> usize {
        self.rooms.with(&conversation_id, |shard| {
            let Some(room) = shard.get_mut(&conversation_id) else { return 0 };
            match room.user_count {
                Some((user_count, counted_at)) if counted_at.elapsed() < limits::PRESENCE_DEBOUNCE => user_count,
                _ => {
                    let users: HashSet<UserId> =
                        room.subscriptions.iter().map(|subscription| subscription.connection.user_id).collect();
                    room.user_count = Some((users.len(), Instant::now()));
                    users.len()
                }
            }
        })
    }

    /// A user's connections.
    pub fn of_user(&self, user_id: UserId) -> Vec<Arc<Connection>> {
        self.users.with(&user_id, |shard| shard.get(&user_id).cloned().unwrap_or_default())
    }

    /// A session's connections.
    pub fn of_session(&self, session_id: SessionId) -> Vec<Arc<Connection>> {
        self.sessions.with(&session_id, |shard| shard.get(&session_id).cloned().unwrap_or_default())
    }

    /// Every connection.
    pub fn all(&self) -> Vec<Arc<Connection>> {
        self.users.collect(Vec::clone)
    }

    /// The number of connections.
    pub fn count(&self) -> usize {
        self.users.sum(Vec::len)
    }

    /// Returns a user's presence by their connections on this node.
    pub fn status(&self, user_id: UserId) -> Status {
        self.users.with(&user_id, |shard| match shard.get(&user_id) {
            None => Status::Offline,
            Some(connections) if connections.iter().all(|connection| connection.is_away()) => Status::Away,
            Some(_) => Status::Online,
        })
    }
}
