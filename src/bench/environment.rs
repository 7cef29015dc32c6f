//! Where a scenario plays: a server that runs, conversations that are there, and who is in them.

use std::net::SocketAddr;

use crate::domain::ConversationId;

/// A server with everything on it that a scenario needs.
pub struct Stage {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its process, if its CPU time and memory can be read.
    pub pid: Option<u32>,
    /// Who is in which conversation.
    pub rooms: Vec<Room>,
}

/// A conversation.
pub struct Room {
    /// Its id.
    pub id: ConversationId,
    /// An access token for each member. On `/ws/{id}` each of them is a connection; on `/ws` a token is one connection, in however many
    /// rooms it stands, and the rooms must be new.
    pub tokens: Vec<String>,
}
