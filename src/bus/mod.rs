//! The bus: how nodes exchange envelopes.
//!
//! The bus may lose, duplicate and reorder envelopes. A node detects missing events by their numbers and reads them from the store. A
//! single node is a cluster of one, whose bus is [`local`]. Nodes that share a database have a [`cluster`].

pub mod cluster;
pub mod local;
mod node_presence;

use async_trait::async_trait;
use bytes::Bytes;
use uuid::Uuid;

use crate::domain::{ConversationId, Incarnation, Seq, SessionId, UserId};
use crate::registry::EncodedEvents;
pub use node_presence::{NodePresence, PresenceChange, PresenceNews};

/// An event or a frame, with its recipients.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub enum Envelope {
    /// Numbered events of conversations, for their subscribers.
    Events(Vec<EncodedEvents>),
    /// The event of a system message, or of a kind that this node does not know. A user who joined or left by it receives it too.
    MembershipEvent {
        event: EncodedEvents,
        joined: Option<Joined>,
        left: Option<UserId>,
        /// The member whom the event shows as offline, because a recipient may not see their presence. A `presence.diff` tells the others.
        hidden: Option<UserId>,
    },
    /// A new conversation. Its members are subscribed, paused.
    Created {
        conversation_id: ConversationId,
        /// All its members.
        members: Vec<UserId>,
        /// `conversation.created` for each member who is connected to the publishing node.
        frames: Vec<(UserId, Bytes)>,
    },
    /// A deleted conversation.
    Deleted {
        conversation_id: ConversationId,
        /// All its former members.
        members: Vec<UserId>,
        /// `conversation.deleted` for each former member who is connected to the publishing node.
        frames: Vec<(UserId, Bytes)>,
    },
    /// The first block between two users was made, or the last one ended. Nodes hide their presence from each other, or show it again.
    BlockChanged(UserId, UserId),
    /// A user switched read receipts on or off. Nodes send those of others to the user's connections, or send them no more.
    ReceiptsSwitched { user_id: UserId, send_receipts: bool },
    /// Sessions that have ended. Nodes close their sockets and refuse their tokens.
    SessionsEnded(Vec<SessionId>),
    /// A frame that may be lost, encoded once for all its recipients. It has no number and is never repaired. A send queue drops it
    /// first when it fills up.
    Ephemeral { audience: Audience, frame: Bytes },
    /// The short form of envelopes that the store can repeat. Only other nodes get it.
    Hints(Hints),
    /// The presence of a node's users. Only other nodes use it.
    Presence(NodePresence),
    /// Like [`Envelope::SessionsEnded`], for other nodes alone. Each of them acknowledges it. Without sessions it is the challenge of a handshake to one
    /// of them.
    EndSessions { request: RequestId, sessions: Vec<SessionId> },
    /// A node has done what this request of another node asks for.
    Acknowledged(RequestId),
}

impl Envelope {
    /// Returns the short form of an envelope that the store can repeat. `None` for all others.
    pub fn hints(&self) -> Option<Hints> {
        let mut hints = Hints::default();
        match self {
            Self::Events(events) => {
                hints.heads = events.iter().map(|events| (events.conversation_id, events.last_seq())).collect();
            }
            Self::MembershipEvent { event, joined, left, .. } => {
                hints.heads.push((event.conversation_id, event.last_seq()));
                hints.users.extend(joined.iter().map(|joined| joined.user_id).chain(*left));
            }
            Self::Created { members, .. } | Self::Deleted { members, .. } => hints.users.clone_from(members),
            Self::Hints(own) => hints.clone_from(own),
            Self::BlockChanged(..)
            | Self::ReceiptsSwitched { .. }
            | Self::SessionsEnded(_)
            | Self::Ephemeral { .. }
            | Self::Presence(_)
            | Self::EndSessions { .. }
            | Self::Acknowledged(_) => return None,
        }
        Some(hints)
    }

    /// Returns the bytes that the envelope takes in a queue, about.
    pub fn size(&self) -> usize {
        let content = match self {
            Self::Events(events) => events.iter().map(size_of_events).sum(),
            Self::MembershipEvent { event, .. } => size_of_events(event),
            Self::Created { members, .. } | Self::Deleted { members, .. } => size_of_val(&members[..]),
            Self::BlockChanged(..) | Self::ReceiptsSwitched { .. } | Self::Acknowledged(_) => 0,
            Self::SessionsEnded(sessions) | Self::EndSessions { sessions, .. } => size_of_val(&sessions[..]),
            Self::Ephemeral { audience, frame } => audience.size() + frame.len(),
            Self::Hints(hints) => size_of_val(&hints.heads[..]) + size_of_val(&hints.users[..]),
            Self::Presence(presence) => presence.size(),
        };
        size_of::<Self>() + content
    }
}

fn size_of_events(events: &EncodedEvents) -> usize {
    size_of::<EncodedEvents>() + events.frames.len() + size_of_val(&events.ends[..])
}

/// Identifies a request of a node that the others acknowledge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(pub Uuid);

/// Tells other nodes what they compare with the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// Conversations, each with a number that it has reached.
    pub heads: Vec<(ConversationId, Seq)>,
    /// Users whose memberships changed.
    pub users: Vec<UserId>,
    /// The sender lost envelopes: compare everything.
    pub everything: bool,
}

/// The recipients of an ephemeral frame. Each node selects the connections that it has.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub enum Audience {
    /// The subscribers of a conversation, live or about to be, except those of these users: the user whose action the frame reports, and those who
    /// may not see it.
    Subscribers { conversation_id: ConversationId, except: Vec<UserId> },
    /// The subscribers of a conversation, live or about to be, whose users send read receipts, or do not.
    Readers { conversation_id: ConversationId, send_receipts: bool, users: Selection },
    /// Connections of these users.
    Users {
        user_ids: Vec<UserId>,
        /// Selects the connections to this one conversation. `None` selects those to all conversations of the user.
        conversation_id: Option<ConversationId>,
    },
}

impl Audience {
    /// Returns the bytes of the ids that it names.
    fn size(&self) -> usize {
        let users = match self {
            Self::Subscribers { except: users, .. }
            | Self::Readers { users: Selection::AllBut(users) | Selection::Only(users), .. }
            | Self::Users { user_ids: users, .. } => users,
        };
        size_of_val(&users[..])
    }
}

/// A selection among users.
#[derive(Clone, Debug)]
pub enum Selection {
    /// All but these.
    AllBut(Vec<UserId>),
    /// These alone.
    Only(Vec<UserId>),
}

impl Selection {
    /// Returns true if the user is selected.
    pub fn includes(&self, user_id: UserId) -> bool {
        match self {
            Self::AllBut(users) => !users.contains(&user_id),
            Self::Only(users) => users.contains(&user_id),
        }
    }
}

/// A user who joined a conversation.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Joined {
    pub user_id: UserId,
    /// `conversation.created` for the user. `None` if the user is not connected to the publishing node, or if the node could not
    /// read the conversation.
    pub frame: Option<Bytes>,
}

/// Delivers envelopes on a node. No method waits.
pub trait Inbox: Send + Sync {
    /// Delivers an envelope of this node. Each envelope comes once, and the envelopes of a conversation come in order.
    fn deliver_local(&self, envelope: Envelope);

    /// Delivers an envelope of another node. It may be late or duplicated, or an earlier one may be lost. The events' numbers and the
    /// store decide.
    fn deliver_remote(&self, envelope: Envelope);

    /// Reads events from the store that the bus may have lost while it was disconnected.
    fn on_reconnect(&self);
}

/// Carries envelopes between nodes.
#[async_trait]
pub trait Bus: Send + Sync {
    /// [Delivers](Inbox::deliver_local) an envelope on this node before it returns, and [delivers](Inbox::deliver_remote) it on the
    /// other nodes. Never waits. May lose an envelope on its way to another node.
    fn publish(&self, envelope: Envelope);

    /// Ends sessions on this node, and waits until the other nodes have ended them too, at most [`crate::limits::SESSIONS_END_WAIT`]. A node that
    /// does not acknowledge in time ends them when it next asks the store for sessions that have ended.
    async fn end_sessions(&self, sessions: Vec<SessionId>) {
        self.publish(Envelope::SessionsEnded(sessions));
    }

    /// Returns what is known of the other nodes. By default nothing is.
    fn others(&self) -> Others {
        Others::default()
    }
}

/// The nodes on a bus, as far as the bus knows them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Others {
    /// The id by which the others know this node. `None` if the bus gives nodes no ids.
    pub own: Option<Incarnation>,
    /// The other nodes that are alive, as the store has it. `None` if it is not known.
    pub live: Option<Vec<Incarnation>>,
    /// This node is cut off from the bus, so that it hears nothing from others who may be well.
    pub is_cut_off: bool,
}

impl Others {
    /// Returns true if there is no other node.
    pub fn is_alone(&self) -> bool {
        self.live.as_ref().is_some_and(Vec::is_empty)
    }
}
