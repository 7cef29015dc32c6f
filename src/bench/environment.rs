//! The server that a scenario measures, with its conversations and their members.

use std::net::SocketAddr;

use crate::domain::ConversationId;

/// A running server that has the accounts and conversations of a scenario.
#[expect(missing_docs, reason = "the other fields' names say it")]
pub struct Environment {
    pub address: SocketAddr,
    /// The server's process, if its CPU time and memory can be read.
    pub pid: Option<u32>,
    pub rooms: Vec<Room>,
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
