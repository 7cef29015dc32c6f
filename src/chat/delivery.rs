//! Delivery: from the bus to the connections of this node.

use std::sync::Arc;

use bytes::Bytes;

use super::beliefs::Beliefs;
use crate::bus::{Inbox, Joined, Parcel};
use crate::domain::{ConversationId, Seq, SessionId, UserId};
use crate::registry::{Close, Connection, Registry, Scope};

/// This node's inbox.
pub(super) struct Delivery {
    registry: Arc<Registry>,
    beliefs: Arc<Beliefs>,
}

impl Delivery {
    pub(super) fn new(registry: Arc<Registry>, beliefs: Arc<Beliefs>) -> Self {
        Self { registry, beliefs }
    }

    /// The user's connections that hear all their conversations.
    fn listeners(&self, user_id: UserId) -> impl Iterator<Item = Arc<Connection>> {
        self.registry.of_user(user_id).into_iter().filter(|connection| !matches!(connection.scope, Scope::One(_)))
    }

    /// Tells the user's listeners of a conversation and gives them seats, live after `head` if that is known.
    fn admit(&self, user_id: UserId, conversation_id: ConversationId, told: Option<&Bytes>, head: Option<Seq>) {
        for connection in self.listeners(user_id) {
            if let Some(told) = told {
                connection.outbox.push(told.clone());
            }
            self.registry.sit(&connection, conversation_id);
            if let (Scope::All, Some(head)) = (connection.scope, head) {
                self.registry.go_live_now(&connection, conversation_id, head);
            }
        }
    }

    fn dismiss(&self, user_id: UserId, conversation_id: ConversationId) {
        for connection in self.registry.of_user(user_id) {
            self.registry.leave(&connection, conversation_id);
            if connection.scope == Scope::One(conversation_id) {
                connection.outbox.close(Close::NOT_A_MEMBER);
            }
        }
    }

    fn end(&self, sessions: &[SessionId]) {
        self.beliefs.forget(sessions);
        for session_id in sessions {
            for connection in self.registry.of_session(*session_id) {
                connection.outbox.close(Close::SESSION_ENDED);
            }
        }
    }
}

impl Inbox for Delivery {
    fn take(&self, parcel: Parcel) {
        match parcel {
            Parcel::Numbered(runs) => self.registry.deliver(&runs),
            Parcel::Moved { run, joined, left } => {
                if let Some(Joined { user_id, told }) = joined {
                    self.admit(user_id, run.conversation_id, told.as_ref(), Some(run.first_seq - 1));
                }
                let conversation_id = run.conversation_id;
                self.registry.deliver(&[run]);
                if let Some(user_id) = left {
                    self.dismiss(user_id, conversation_id);
                }
            }
            Parcel::Created { conversation_id, told } => {
                for (user_id, frame) in told {
                    self.admit(user_id, conversation_id, Some(&frame), None);
                }
            }
            Parcel::Deleted { conversation_id, told } => {
                for (user_id, frame) in told {
                    for connection in self.listeners(user_id) {
                        connection.outbox.push(frame.clone());
                    }
                    self.dismiss(user_id, conversation_id);
                }
            }
            Parcel::SessionsEnded(sessions) => self.end(&sessions),
        }
    }
}
