//! The bus: how nodes tell each other what happened.
//!
//! A hint, never the log: what the bus loses, doubles or brings in the wrong order is found by its number in the store. One node is
//! a cluster of one, whose bus is [`local`].

pub mod local;

use bytes::Bytes;

use crate::domain::{ConversationId, SessionId, UserId};
use crate::registry::Run;

/// Something that happened, with the audience that hears of it.
#[derive(Clone, Debug)]
pub enum Parcel {
    /// Numbered events of conversations, for whoever hears those.
    Numbered(Vec<Run>),
    /// A numbered event by which somebody came in or went: they hear it too.
    Moved {
        /// The event.
        run: Run,
        /// Who came in.
        joined: Option<Joined>,
        /// Who went.
        left: Option<UserId>,
    },
    /// A new conversation, told to each member, who get silent seats.
    Created {
        /// Which.
        conversation_id: ConversationId,
        /// Who is in it.
        members: Vec<UserId>,
        /// The frame for each of them who is connected to the node where it happened.
        told: Vec<(UserId, Bytes)>,
    },
    /// A conversation that is no more, told to each who was in it.
    Deleted {
        /// Which.
        conversation_id: ConversationId,
        /// Who was in it.
        members: Vec<UserId>,
        /// The frame for each of them who is connected to the node where it happened.
        told: Vec<(UserId, Bytes)>,
    },
    /// Sessions that have ended: their sockets close, their tokens are refused.
    SessionsEnded(Vec<SessionId>),
}

/// Somebody who came in, and the frame that tells them about the conversation.
#[derive(Clone, Debug)]
pub struct Joined {
    /// Who.
    pub user_id: UserId,
    /// `conversation.created`; nothing if they were not connected to the node where it happened, or it could not be read.
    pub told: Option<Bytes>,
}

/// Where a node takes what the bus brings. Nothing here waits.
pub trait Inbox: Send + Sync {
    /// Delivers what happened on this node: complete, once, and in the order of each conversation.
    fn take(&self, parcel: Parcel);

    /// Delivers what happened on another node. It may be late, doubled, or behind something that never came: numbers and the
    /// store tell.
    fn hear(&self, parcel: Parcel);

    /// The bus was away for a while: what it may have lost is looked for at once.
    fn returned(&self);
}

/// How nodes tell each other.
pub trait Bus: Send + Sync {
    /// Hands a parcel to this node's inbox to [take](Inbox::take), before it returns, and to the other nodes' to
    /// [hear](Inbox::hear). Never waits, and may lose what goes to other nodes.
    fn publish(&self, parcel: Parcel);
}
