//! The WebSocket, as a client sees it.

mod events;
mod handshake;
mod sends;
