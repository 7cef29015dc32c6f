//! The WebSocket door: the handshake by hand ([`upgrade`]), and a connection's life ([`connection`]).
//!
//! A connection is one task with three loops: [`reader`] reads frames and hands them to verbs, [`writer`] goes on where
//! the kernel was full, [`heartbeat`] finds peers that are gone. tungstenite reads; what it wants to write goes into the
//! connection's outbox like everything else.

mod close;
mod connection;
mod heartbeat;
mod reader;
mod socket;
mod strikes;
pub mod upgrade;
mod writer;

pub use close::DRAINING;
pub use socket::SocketSink;
