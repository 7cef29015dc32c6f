//! The server that a scenario measures, with its conversations and their members.

use std::net::SocketAddr;

use crate::domain::ConversationId;

/// A running server that has the accounts and conversations of a scenario.
#[derive(Clone)]
#[expect(missing_docs, reason = "the other fields' names say it")]
pub struct Environment {
    pub address: SocketAddr,
    /// The server's process, if its CPU time and memory can be read.
    pub pid: Option<u32>,
    /// The other nodes of the server, each with its process. The first is above.
    pub others: Vec<(SocketAddr, u32)>,
    pub rooms: Vec<Room>,
}

impl Environment {
    /// Returns the address of the node to which a member of a room connects. The members of a room are spread over all nodes.
    pub(super) fn address_for(&self, member: usize) -> SocketAddr {
        match member % (self.others.len() + 1) {
            0 => self.address,
            other => self.others[other - 1].0,
        }
    }

    /// Returns the processes of all nodes, or none if they are not known.
    pub(super) fn pids(&self) -> Vec<u32> {
        self.pid.map_or_else(Vec::new, |first| self.others.iter().map(|(_, pid)| *pid).chain([first]).collect())
    }
}

/// A conversation.
#[derive(Clone)]
#[expect(missing_docs, reason = "the other field's name says it")]
pub struct Room {
    pub id: ConversationId,
    /// An access token for each member. On `/ws/{id}` the bench opens one connection for each of them. On `/ws` it opens one
    /// connection for each different token, however many rooms have it; then the rooms must be new.
    pub tokens: Vec<String>,
}
