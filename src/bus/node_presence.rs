//! The presence of a node's users, as it tells the other nodes.
//!
//! A node numbers the versions of what it tells: 0 is nobody, and each [`PresenceNews::Changes`] leads to the next one. So a node detects envelopes
//! that were lost, doubled or out of order, and asks for the state when it lacks something.

use crate::domain::user::Status;
use crate::domain::{ConversationId, Incarnation, UserId};

/// News of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct NodePresence {
    /// The sender.
    pub node: Incarnation,
    /// The version of the sender's presence, with these news.
    pub version: i64,
    pub news: PresenceNews,
}

/// The kinds of news about presence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub enum PresenceNews {
    /// The changes since the version before.
    Changes(Vec<PresenceChange>),
    /// The sender is alive. `digest` is a sum over its users with their statuses.
    Beat { users: usize, digest: u64 },
    /// A part of all users of the sender who are not offline.
    State { part: usize, parts: usize, users: Vec<(UserId, Status)> },
    /// The sender lacks the state of this node.
    Request(Incarnation),
    /// The sender stops. Its users connect to other nodes.
    Goodbye,
}

/// A user with a new status at a node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct PresenceChange {
    pub user_id: UserId,
    pub status: Status,
    /// The user's small conversations, whose members see the change. `None` if they are to be read from the store.
    pub conversations: Option<Vec<ConversationId>>,
}

impl NodePresence {
    /// Returns the bytes of the lists, about.
    pub(super) fn size(&self) -> usize {
        match &self.news {
            PresenceNews::Changes(changes) => changes.iter().map(PresenceChange::size).sum(),
            PresenceNews::State { users, .. } => size_of_val(&users[..]),
            PresenceNews::Beat { .. } | PresenceNews::Request(_) | PresenceNews::Goodbye => 0,
        }
    }
}

impl PresenceChange {
    /// Returns the bytes of the change, about: in memory they are a few more than encoded.
    pub fn size(&self) -> usize {
        size_of::<Self>() + self.conversations.as_ref().map_or(0, |ids| size_of_val(&ids[..]))
    }
}
