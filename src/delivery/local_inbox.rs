//! This node's inbox: delivers envelopes to the connections of this node.

use std::sync::Arc;

use bytes::Bytes;

use super::presence_changes::PresenceChanges;
use super::repair_queue::RepairQueue;
use crate::bus::{Audience, Envelope, Hints, Inbox, Joined};
use crate::domain::{ConversationId, Seq, SessionId, UserId};
use crate::registry::{Connection, EncodedEvents, Registry, Scope, SeqCheck, Subscription};
use crate::wire::close::Close;

/// Removes sessions that have ended from the session cache.
pub type InvalidateSessions = Box<dyn Fn(&[SessionId]) + Send + Sync>;

/// Delivers envelopes to the connections of this node.
pub struct LocalInbox {
    registry: Arc<Registry>,
    /// Called before the sockets of the sessions are closed.
    invalidate_sessions: InvalidateSessions,
    presence: Arc<dyn PresenceChanges>,
    repairs: Arc<RepairQueue>,
}

impl LocalInbox {
    /// Returns an inbox that delivers to the connections of `registry`.
    pub fn new(
        registry: Arc<Registry>,
        invalidate_sessions: InvalidateSessions,
        presence: Arc<dyn PresenceChanges>,
        repairs: Arc<RepairQueue>,
    ) -> Self {
        Self { registry, invalidate_sessions, presence, repairs }
    }

    /// Returns the user's connections that are not on one conversation alone.
    fn connections_on_all(&self, user_id: UserId) -> impl Iterator<Item = Arc<Connection>> {
        self.registry.of_user(user_id).into_iter().filter(|connection| !matches!(connection.scope, Scope::One(_)))
    }

    fn events(&self, events: &[EncodedEvents]) {
        for id in self.registry.deliver(events) {
            self.repairs.request_conversation(id);
        }
    }

    /// Delivers the event of a system message, with the user who joined or left by it, if any. `is_own`: the event originated on this node, which has delivered nothing newer about the user yet.
    fn membership_event(&self, event: &EncodedEvents, joined: Option<&Joined>, left: Option<UserId>, is_own: bool) {
        let id = event.conversation_id;
        let guard = self.registry.delivery_guard(id);
        // A conversation without subscribers has no watermark, so a new event cannot be distinguished from a duplicate.
        let can_check = is_own || guard.watermark().is_some();
        let check = guard.check(event);
        if can_check && check == SeqCheck::InOrder {
            if let Some(Joined { user_id, frame: Some(frame) }) = joined {
                self.subscribe_user(*user_id, id, frame, Some(event.first_seq - 1));
            }
            guard.deliver(event);
        }
        if let Some(user_id) = left
            && (is_own || can_check && check == SeqCheck::InOrder)
        {
            self.unsubscribe_user(user_id, id, Some(event.first_seq).filter(|_| !is_own));
        }
        drop(guard);
        // Connections that catch up meanwhile become live only after the event, as with any other.
        if !can_check && self.registry.lacks(id, event.last_seq()) {
            self.repairs.request_conversation(id);
        }
        match check {
            SeqCheck::InOrder => {
                let growth = i64::from(joined.is_some()) - i64::from(left.is_some());
                if growth != 0 {
                    self.presence.members_changed(id, growth);
                }
            }
            SeqCheck::Gap => self.repairs.request_conversation(id),
            SeqCheck::AlreadyDelivered => {}
        }
        if !is_own || check != SeqCheck::InOrder || joined.is_some_and(|joined| joined.frame.is_none()) {
            self.request_users(joined.map(|joined| joined.user_id).into_iter().chain(left));
        }
    }

    /// Requests a comparison of subscriptions with the store for those of these users who are connected to this node.
    fn request_users(&self, users: impl IntoIterator<Item = UserId>) {
        for user_id in users {
            if !self.registry.of_user(user_id).is_empty() {
                self.repairs.request_user(user_id);
            }
        }
    }

    /// Requests what this node lacks of what another node tells.
    fn hints(&self, hints: Hints) {
        let lacking: Vec<ConversationId> =
            hints.heads.iter().filter(|(id, head)| self.registry.lacks(*id, *head)).map(|(id, _)| *id).collect();
        self.repairs.request_conversations(lacking);
        self.request_users(hints.users);
        if hints.everything {
            self.repairs.request_everything();
        }
    }

    /// Subscribes the user's connections to a conversation, and sends its frame to those that are new to it. Subscriptions with
    /// [`Scope::All`] are live after `head`. The others are paused, and so are all without a `head`. A subscription that exists already becomes
    /// live by the task that made it, or its connection would receive events twice: by that task, and as they come.
    fn subscribe_user(&self, user_id: UserId, conversation_id: ConversationId, frame: &Bytes, head: Option<Seq>) {
        for connection in self.connections_on_all(user_id) {
            if !self.registry.subscribe(&connection, conversation_id) {
                continue;
            }
            connection.send_queue.push(frame.clone());
            if let (Scope::All, Some(head)) = (connection.scope, head) {
                self.registry.activate_now(&connection, conversation_id, head);
            }
        }
    }

    /// Ends the user's subscriptions to a conversation. `left_at` is the number of an event that may be old. With it, subscriptions that
    /// went live at or after it stay. Paused subscriptions stay then, too, because their catch-up asks the store.
    fn unsubscribe_user(&self, user_id: UserId, conversation_id: ConversationId, left_at: Option<Seq>) {
        for connection in self.registry.of_user(user_id) {
            if left_at.is_some_and(|left_at| connection.live_from(conversation_id).is_none_or(|from| from >= left_at)) {
                continue;
            }
            self.registry.unsubscribe(&connection, conversation_id);
            if connection.scope == Scope::One(conversation_id) {
                connection.send_queue.close(Close::NOT_A_MEMBER);
            }
        }
    }

    /// Pushes a frame that may be lost to its audience on this node.
    fn ephemeral(&self, audience: &Audience, frame: &Bytes) {
        match audience {
            Audience::Subscribers { conversation_id, except } => {
                self.ephemeral_to_subscribers(*conversation_id, frame, |connection| {
                    !except.contains(&connection.user_id)
                });
            }
            Audience::Readers { conversation_id, send_receipts, users } => {
                self.ephemeral_to_subscribers(*conversation_id, frame, |connection| {
                    connection.sends_receipts() == *send_receipts && users.includes(connection.user_id)
                });
            }
            Audience::Users { user_ids, conversation_id } => {
                let is_addressed = |scope| match (scope, conversation_id) {
                    (Scope::One(id), Some(conversation_id)) => id == *conversation_id,
                    (Scope::All | Scope::Held, None) => true,
                    _ => false,
                };
                let connections = user_ids.iter().flat_map(|user_id| self.registry.of_user(*user_id));
                for connection in connections.filter(|connection| is_addressed(connection.scope)) {
                    connection.send_queue.push_ephemeral(frame.clone());
                }
            }
        }
    }

    /// Pushes a frame that may be lost to the subscribers of a conversation. The queue of a connection that is not established yet keeps it for
    /// after `hello`, and is dropped if the connection is refused.
    fn ephemeral_to_subscribers(&self, id: ConversationId, frame: &Bytes, is_recipient: impl Fn(&Connection) -> bool) {
        let subscriptions = self.registry.subscribers(id);
        let listening = subscriptions.iter().filter(|subscription| subscription.takes_ephemeral());
        for Subscription { connection, .. } in listening.filter(|subscription| is_recipient(&subscription.connection)) {
            connection.send_queue.push_ephemeral(frame.clone());
        }
    }

    /// Announces that a block hides two users' presence from each other, or shows it again. The next comparison with the store does not take it for a
    /// change that the bus lost.
    fn block_changed(&self, one: UserId, other: UserId) {
        for connection in [one, other].iter().flat_map(|user_id| self.registry.of_user(*user_id)) {
            connection.count_blocks_change();
        }
        self.presence.block_changed(one, other);
    }

    /// Records the setting at the user's connections.
    fn switch_receipts(&self, user_id: UserId, send_receipts: bool) {
        for connection in self.registry.of_user(user_id) {
            connection.set_sends_receipts(send_receipts);
        }
    }

    /// Invalidates sessions and closes their sockets on this node.
    pub fn end_sessions(&self, sessions: &[SessionId]) {
        (self.invalidate_sessions)(sessions);
        for session_id in sessions {
            for connection in self.registry.of_session(*session_id) {
                connection.send_queue.close(Close::SESSION_ENDED);
            }
        }
    }
}

impl Inbox for LocalInbox {
    fn deliver_local(&self, envelope: Envelope) {
        match envelope {
            Envelope::Events(events) => self.events(&events),
            Envelope::MembershipEvent { event, joined, left, hidden } => {
                self.membership_event(&event, joined.as_ref(), left, true);
                if let Some(user_id) = hidden {
                    self.presence.shown_as_offline(user_id);
                }
            }
            Envelope::Created { conversation_id, frames, .. } => {
                for (user_id, frame) in frames {
                    self.subscribe_user(user_id, conversation_id, &frame, None);
                }
            }
            Envelope::Deleted { conversation_id, members, frames } => {
                for (user_id, frame) in frames {
                    for connection in self.connections_on_all(user_id) {
                        connection.send_queue.push(frame.clone());
                    }
                }
                for user_id in members {
                    self.unsubscribe_user(user_id, conversation_id, None);
                }
            }
            Envelope::BlockChanged(one, other) => self.block_changed(one, other),
            Envelope::ReceiptsSwitched { user_id, send_receipts } => self.switch_receipts(user_id, send_receipts),
            Envelope::SessionsEnded(sessions) | Envelope::EndSessions { sessions, .. } => self.end_sessions(&sessions),
            Envelope::Ephemeral { audience, frame } => self.ephemeral(&audience, &frame),
            Envelope::Hints(hints) => self.hints(hints),
            // This node waits for others, and knows its own users by their connections.
            Envelope::Acknowledged(_) | Envelope::Presence(_) => {}
        }
    }

    fn deliver_remote(&self, envelope: Envelope) {
        match envelope {
            Envelope::Events(events) => self.events(&events),
            Envelope::MembershipEvent { event, joined, left, hidden } => {
                self.membership_event(&event, joined.as_ref(), left, false);
                if let Some(user_id) = hidden {
                    self.presence.shown_as_offline(user_id);
                }
            }
            Envelope::Created { members, .. } | Envelope::Deleted { members, .. } => self.request_users(members),
            Envelope::BlockChanged(one, other) => self.block_changed(one, other),
            // A late envelope holds until the node compares itself with the store.
            Envelope::ReceiptsSwitched { user_id, send_receipts } => self.switch_receipts(user_id, send_receipts),
            // A session that has ended stays ended, so a late envelope does no harm.
            Envelope::SessionsEnded(sessions) | Envelope::EndSessions { sessions, .. } => self.end_sessions(&sessions),
            Envelope::Acknowledged(_) => {}
            Envelope::Ephemeral { audience, frame } => self.ephemeral(&audience, &frame),
            Envelope::Hints(hints) => self.hints(hints),
            Envelope::Presence(presence) => self.presence.node_presence(presence),
        }
    }

    fn on_reconnect(&self) {
        self.repairs.request_everything();
    }
}

#[cfg(test)]
#[path = "local_inbox_tests.rs"]
mod tests;
