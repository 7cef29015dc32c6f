//! The WebSocket, as a client sees it.

mod acknowledgements;
mod beginning;
mod blocks;
mod catching_up;
mod endings;
mod events;
mod handshake;
mod operations;
mod presence;
mod quotes;
mod reactions;
mod receipt_frames;
mod receipts;
mod revisions;
mod sends;
mod tickets;
mod typing;
