//! The other nodes: which of their users are online or away, and which nodes are gone.
//!
//! A node is gone when it said goodbye, or when nothing was heard from it for a time, by this node's monotonic clock. Its users stay for some seconds,
//! because they connect to other nodes. While this node is cut off from the bus, all nodes stay as they are. While it hears nobody at all, those stay
//! that are alive as the store has it: then its own way to the bus is broken, and not all the others at once.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::node::Node;
use crate::bus::{NodePresence, Others, PresenceChange, PresenceNews};
use crate::domain::user::Status;
use crate::domain::{Incarnation, UserId};
use crate::limits::{self, PresenceTimes};

/// The other nodes and their users. Bounded by [`limits::REMOTE_NODES_MAX`] and [`limits::REMOTE_USERS_MAX`].
pub(super) struct Nodes {
    times: PresenceTimes,
    by_id: HashMap<Incarnation, Node>,
    /// The users of all nodes together.
    users: usize,
    /// The last time at which this node was cut off from the bus.
    cut_off_at: Option<Instant>,
    /// The last time at which this node had heard no other for a while.
    heard_nobody_at: Option<Instant>,
}

/// The result of a look at all nodes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Review {
    /// The nodes that are to be asked for their states.
    pub(super) requests: Vec<Incarnation>,
    /// The users of nodes that are gone.
    pub(super) gone: Vec<Gone>,
}

/// The users of a node that is gone.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gone {
    pub(super) node: Incarnation,
    pub(super) users: Vec<UserId>,
    /// The time since the node was last heard.
    pub(super) silence: Duration,
}

impl Nodes {
    pub(super) fn new(times: PresenceTimes) -> Self {
        Self { times, by_id: HashMap::new(), users: 0, cut_off_at: None, heard_nobody_at: None }
    }

    /// Returns a user's status by their connections to other nodes.
    pub(super) fn status(&self, user_id: UserId) -> Status {
        self.by_id.values().fold(Status::Offline, |status, node| status.merged(node.users.get(user_id)))
    }

    /// Returns true if none of the other nodes that are left has a lower id.
    pub(super) fn is_first(&self, own_id: Incarnation) -> bool {
        self.by_id.iter().all(|(id, node)| node.has_said_goodbye || own_id < *id)
    }

    /// Returns true if no other node has users.
    pub(super) fn is_empty(&self) -> bool {
        self.users == 0
    }

    /// Returns true if this node has the users of all others that it knows.
    pub(super) fn is_complete(&self) -> bool {
        !self.by_id.values().any(Node::is_doubtful)
    }

    /// Takes news of another node. Returns the users whose status there changed.
    pub(super) fn take(&mut self, presence: NodePresence, now: Instant) -> Vec<PresenceChange> {
        let NodePresence { node: id, version, news } = presence;
        if !self.by_id.contains_key(&id) && self.by_id.len() >= limits::REMOTE_NODES_MAX {
            return Vec::new();
        }
        let node = self.by_id.entry(id).or_insert_with(|| Node::new(now));
        if node.has_said_goodbye {
            // What comes after it is late.
            return Vec::new();
        }
        node.has_said_goodbye = news == PresenceNews::Goodbye;
        let before = node.users.len();
        let room = limits::REMOTE_USERS_MAX.saturating_sub(self.users);
        let changed = node.take(version, news, room, now);
        self.users = self.users + node.users.len() - before;
        changed
    }

    /// Looks for nodes that are gone, and for those whose state this node lacks.
    pub(super) fn review(&mut self, others: &Others, now: Instant) -> Review {
        for &id in others.live.iter().flatten() {
            if !self.by_id.contains_key(&id) && self.by_id.len() < limits::REMOTE_NODES_MAX {
                let mut node = Node::new(now);
                node.doubt();
                self.by_id.insert(id, node);
            }
        }
        let is_live = |id: &Incarnation| others.live.as_ref().is_some_and(|live| live.contains(id));
        let PresenceTimes { lost_grace, beat, lease } = self.times;
        let mut present = self.by_id.values().filter(|node| !node.has_said_goodbye).peekable();
        if present.peek().is_some() && present.all(|node| now - node.heard_at > lease / 2) {
            self.heard_nobody_at = Some(now);
        }
        if others.is_cut_off {
            self.cut_off_at = Some(now);
        }
        let mut review = Review::default();
        self.by_id.retain(|id, node| {
            let is_kept = !node.has_said_goodbye && is_live(id);
            let since = Some(node.heard_at).max(self.cut_off_at).max(self.heard_nobody_at.filter(|_| is_kept));
            let absence = since.map_or(Duration::ZERO, |since| now - since);
            let is_gone = absence >= if node.has_said_goodbye { lost_grace } else { lease };
            if is_gone && node.users.len() > 0 {
                self.users -= node.users.len();
                let (users, silence) = (std::mem::take(&mut node.users), now - node.heard_at);
                let users = users.iter().map(|(user_id, _)| user_id).collect();
                review.gone.push(Gone { node: *id, users, silence });
            }
            // A node that said goodbye is remembered, so that what comes late from it is ignored.
            let is_forgotten = is_gone && (!node.has_said_goodbye || absence >= lost_grace + lease);
            if !is_gone && node.request_if_due(beat / limits::PRESENCE_LOOKS_PER_BEAT, now) {
                review.requests.push(*id);
            }
            !is_forgotten
        });
        review
    }
}

#[cfg(test)]
#[path = "nodes_tests.rs"]
mod tests;
