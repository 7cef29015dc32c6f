//! Delivery: from the bus to the connections of this node.

use std::sync::Arc;

use bytes::Bytes;

use super::gap_repair::RepairQueue;
use crate::bus::{Inbox, Joined, Parcel};
use crate::domain::{ConversationId, Seq, SessionId, UserId};
use crate::registry::{Connection, Place, Registry, Run, Scope};
use crate::wire::close::Close;

/// Called with the sessions that have ended.
pub type ForgetSessions = Box<dyn Fn(&[SessionId]) + Send + Sync>;

/// This node's inbox.
pub struct LocalInbox {
    registry: Arc<Registry>,
    /// Forgets that these sessions are live; called before their sockets are closed.
    forget_sessions: ForgetSessions,
    repairs: Arc<RepairQueue>,
}

impl LocalInbox {
    /// An inbox that delivers to the connections of `registry`.
    pub fn new(registry: Arc<Registry>, forget_sessions: ForgetSessions, repairs: Arc<RepairQueue>) -> Self {
        Self { registry, forget_sessions, repairs }
    }

    /// The user's connections that hear all their conversations.
    fn listeners(&self, user_id: UserId) -> impl Iterator<Item = Arc<Connection>> {
        self.registry.of_user(user_id).into_iter().filter(|connection| !matches!(connection.scope, Scope::One(_)))
    }

    fn numbered(&self, runs: &[Run]) {
        for id in self.registry.deliver(runs) {
            self.repairs.request_conversation(id);
        }
    }

    /// Delivers an event by which somebody came in or went. `is_own`: it happened on this node, so that nothing newer about
    /// them was delivered here yet.
    fn moved(&self, run: &Run, joined: Option<&Joined>, left: Option<UserId>, is_own: bool) {
        let id = run.conversation_id;
        let turn = self.registry.turn(id);
        // Where nobody listens yet there is no number that could tell what is new from what came twice.
        let is_known = is_own || turn.watermark().is_some();
        let place = turn.place_of(run);
        if is_known && place == Place::Next {
            if let Some(Joined { user_id, told: Some(told) }) = joined {
                self.admit(*user_id, id, told, Some(run.first_seq - 1));
            }
            turn.deliver(run);
        }
        if let Some(user_id) = left
            && (is_own || is_known && place == Place::Next)
        {
            self.dismiss(user_id, id, Some(run.first_seq).filter(|_| !is_own));
        }
        drop(turn);
        if place == Place::BehindHole {
            self.repairs.request_conversation(id);
        }
        if !is_own || place != Place::Next || joined.is_some_and(|joined| joined.told.is_none()) {
            self.ask_for(joined.map(|joined| joined.user_id).into_iter().chain(left));
        }
    }

    /// The store says where these belong.
    fn ask_for(&self, users: impl IntoIterator<Item = UserId>) {
        for user_id in users {
            if !self.registry.of_user(user_id).is_empty() {
                self.repairs.request_user(user_id);
            }
        }
    }

    /// Tells the user's listeners of a conversation that is new to them and gives them seats, live after `head` if that is
    /// known.
    fn admit(&self, user_id: UserId, conversation_id: ConversationId, told: &Bytes, head: Option<Seq>) {
        for connection in self.listeners(user_id) {
            if self.registry.sit(&connection, conversation_id) {
                connection.outbox.push(told.clone());
            }
            if let (Scope::All, Some(head)) = (connection.scope, head) {
                self.registry.go_live_now(&connection, conversation_id, head);
            }
        }
    }

    /// Takes the user's seats. If this went at `gone_at` and may be old news, those that went live behind that stay, and the silent
    /// ones: their catching up asks the store.
    fn dismiss(&self, user_id: UserId, conversation_id: ConversationId, gone_at: Option<Seq>) {
        for connection in self.registry.of_user(user_id) {
            if gone_at.is_some_and(|gone_at| connection.live_from(conversation_id).is_none_or(|from| from >= gone_at)) {
                continue;
            }
            self.registry.leave(&connection, conversation_id);
            if connection.scope == Scope::One(conversation_id) {
                connection.outbox.close(Close::NOT_A_MEMBER);
            }
        }
    }

    /// Ends sessions on this node.
    pub fn end_sessions(&self, sessions: &[SessionId]) {
        (self.forget_sessions)(sessions);
        for session_id in sessions {
            for connection in self.registry.of_session(*session_id) {
                connection.outbox.close(Close::SESSION_ENDED);
            }
        }
    }
}

impl Inbox for LocalInbox {
    fn take(&self, parcel: Parcel) {
        match parcel {
            Parcel::Numbered(runs) => self.numbered(&runs),
            Parcel::Moved { run, joined, left } => self.moved(&run, joined.as_ref(), left, true),
            Parcel::Created { conversation_id, told, .. } => {
                for (user_id, frame) in told {
                    self.admit(user_id, conversation_id, &frame, None);
                }
            }
            Parcel::Deleted { conversation_id, members, told } => {
                for (user_id, frame) in told {
                    for connection in self.listeners(user_id) {
                        connection.outbox.push(frame.clone());
                    }
                }
                for user_id in members {
                    self.dismiss(user_id, conversation_id, None);
                }
            }
            Parcel::SessionsEnded(sessions) => self.end_sessions(&sessions),
        }
    }

    fn hear(&self, parcel: Parcel) {
        match parcel {
            Parcel::Numbered(runs) => self.numbered(&runs),
            Parcel::Moved { run, joined, left } => self.moved(&run, joined.as_ref(), left, false),
            Parcel::Created { members, .. } | Parcel::Deleted { members, .. } => self.ask_for(members),
            // A session that has ended stays so, however late one hears of it.
            Parcel::SessionsEnded(sessions) => self.end_sessions(&sessions),
        }
    }

    fn returned(&self) {
        self.repairs.request_everything();
    }
}
