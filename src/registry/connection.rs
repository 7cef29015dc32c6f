//! A connection, as the rest of this node sees it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Outbox;
use crate::domain::session::Caller;
use crate::domain::{ConnectionId, ConversationId, Seq, SessionId, UserId};

/// What a connection hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One conversation (`/ws/{conversation_id}`).
    One(ConversationId),
    /// All of the user's (`/ws`), live from the first moment.
    All,
    /// All of the user's (`/ws?hold=1`), each silent until it is resumed.
    Held,
}

/// One WebSocket.
pub struct Connection {
    /// Names it.
    pub id: ConnectionId,
    /// Whose it is.
    pub user_id: UserId,
    /// By which session.
    pub session_id: SessionId,
    /// What it hears.
    pub scope: Scope,
    /// What waits to be written to it.
    pub outbox: Arc<Outbox>,
    /// Its seats, and where live began in each that is live. `None` once it has left.
    seats: Mutex<Option<HashMap<ConversationId, Option<Seq>>>>,
}

impl Connection {
    /// A connection that hears nothing yet.
    pub fn new(caller: &Caller, scope: Scope, outbox: Arc<Outbox>) -> Arc<Self> {
        Arc::new(Self {
            id: ConnectionId::new(),
            user_id: caller.user_id,
            session_id: caller.session_id,
            scope,
            outbox,
            seats: Mutex::new(Some(HashMap::new())),
        })
    }

    /// Where live began in this conversation, if it is live.
    pub fn live_from(&self, conversation_id: ConversationId) -> Option<Seq> {
        self.seats().as_ref()?.get(&conversation_id).copied().flatten()
    }

    /// Whether it hears this conversation live; `None` once it has left, and hears nothing any more.
    pub fn hears(&self, conversation_id: ConversationId) -> Option<bool> {
        Some(self.seats().as_ref()?.get(&conversation_id).is_some_and(Option::is_some))
    }

    /// Taken before a room's lock, never after it.
    pub(super) fn seats(&self) -> MutexGuard<'_, Option<HashMap<ConversationId, Option<Seq>>>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
