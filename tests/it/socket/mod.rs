//! The WebSocket, as a client sees it.

mod catching_up;
mod endings;
mod events;
mod handshake;
mod operations;
mod revisions;
mod sends;
mod tickets;
