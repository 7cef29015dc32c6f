//! The bus: how nodes tell each other what happened.
//!
//! A hint, never the log: what the bus loses is found by its number in the store. One node is a cluster of one, whose bus
//! is [`local`].

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
        /// To whom, and the frame that tells them.
        told: Vec<(UserId, Bytes)>,
    },
    /// A conversation that is no more, told to each who was in it.
    Deleted {
        /// Which.
        conversation_id: ConversationId,
        /// To whom, and the frame that tells them.
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
    /// `conversation.created`; nothing if the conversation could not be read.
    pub told: Option<Bytes>,
}

/// Where a node takes what the bus brings.
pub trait Inbox: Send + Sync {
    /// Delivers to this node's connections. Never waits.
    fn take(&self, parcel: Parcel);
}

/// How nodes tell each other.
pub trait Bus: Send + Sync {
    /// Hands a parcel to every node's inbox, this one's included. Parcels of one conversation that are published one after
    /// the other arrive here in that order. Never waits, and may lose what goes to other nodes.
    fn publish(&self, parcel: Parcel);
}
