//! The WebSocket door: the handshake by hand, and a connection's life.
//!
//! Below, an open [`Socket`], whatever its frames mean: tungstenite reads their headers, and what is answered goes into the outbox like
//! everything else; its other side goes on where the kernel was full, and finds peers that are gone. Above, what Chinwag makes
//! of it: who somebody is, and which verbs their frames call. A connection is one task.

mod close;
mod connection;
mod decoder;
mod handshake;
mod heartbeat;
mod lease;
mod reader;
mod sink;
mod socket;
mod strikes;
pub mod upgrade;
mod visit;
mod writer;

pub use close::{DRAINING, End};
pub use handshake::{Talk, accept};
pub use lease::Lease;
pub use reader::{Message, Reader};
pub use socket::Socket;
pub use writer::Writer;
