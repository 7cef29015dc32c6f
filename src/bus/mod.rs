//! The bus: how nodes exchange envelopes.
//!
//! A hint, never the log. The bus may lose, double and reorder envelopes: a node finds missing events by their numbers in the store.
//! One node is a cluster of one, whose bus is [`local`].

pub mod local;

use bytes::Bytes;

use crate::domain::{ConversationId, SessionId, UserId};
use crate::registry::EncodedEvents;

/// An event or a frame, with the users that it is for.
#[derive(Clone, Debug)]
pub enum Envelope {
    /// Numbered events of conversations, for their subscribers.
    Events(Vec<EncodedEvents>),
    /// A numbered event by which a user joined or left: that user receives it too.
    MembershipEvent {
        /// The event.
        event: EncodedEvents,
        /// The user who joined.
        joined: Option<Joined>,
        /// The user who left.
        left: Option<UserId>,
    },
    /// A new conversation. Its members are subscribed, paused.
    Created {
        /// The conversation.
        conversation_id: ConversationId,
        /// All its members.
        members: Vec<UserId>,
        /// `conversation.created` for each member who is connected to the node where it happened.
        frames: Vec<(UserId, Bytes)>,
    },
    /// A deleted conversation.
    Deleted {
        /// The conversation.
        conversation_id: ConversationId,
        /// All its former members.
        members: Vec<UserId>,
        /// `conversation.deleted` for each of them who is connected to the node where it happened.
        frames: Vec<(UserId, Bytes)>,
    },
    /// Sessions that have ended: their sockets close, their tokens are refused.
    SessionsEnded(Vec<SessionId>),
    /// A frame that may be lost, encoded once for all its recipients. It has no number and is never repaired. A send queue drops it
    /// first when it fills up.
    Ephemeral {
        /// The recipients.
        audience: Audience,
        /// The frame.
        frame: Bytes,
    },
}

/// The recipients of an ephemeral frame. Each node finds those who are connected to it.
#[derive(Clone, Debug)]
pub enum Audience {
    /// The connections that are live in a conversation, except those of one user: for what a user does there.
    Subscribers {
        /// The conversation.
        conversation_id: ConversationId,
        /// The user who does it.
        except: Option<UserId>,
    },
    /// Connections of these users.
    Users {
        /// The users.
        user_ids: Vec<UserId>,
        /// Their connections on this conversation alone. Without it, those on all their conversations.
        conversation_id: Option<ConversationId>,
    },
}

/// A user who joined a conversation.
#[derive(Clone, Debug)]
pub struct Joined {
    /// The user.
    pub user_id: UserId,
    /// `conversation.created` for the user. Missing if they are not connected to the node where it happened, or if the conversation
    /// could not be read.
    pub frame: Option<Bytes>,
}

/// Delivers envelopes on a node. Nothing here waits.
pub trait Inbox: Send + Sync {
    /// Delivers an envelope of this node. Each comes once, and those of a conversation in order.
    fn deliver_local(&self, envelope: Envelope);

    /// Delivers an envelope of another node. It may be late, doubled, or behind one that was lost: numbers and the store decide.
    fn deliver_remote(&self, envelope: Envelope);

    /// Looks in the store for envelopes that may have been lost while the bus was away.
    fn on_reconnect(&self);
}

/// Carries envelopes between nodes.
pub trait Bus: Send + Sync {
    /// [Delivers](Inbox::deliver_local) an envelope on this node before it returns, and [delivers](Inbox::deliver_remote) it on the
    /// other nodes. Never waits. May lose an envelope on its way to another node.
    fn publish(&self, envelope: Envelope);
}
