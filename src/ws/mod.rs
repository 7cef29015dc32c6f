//! The WebSocket transport: the handshake by hand, and a connection's life.
//!
//! Below, an open [`Socket`], whatever its frames mean: tungstenite reads their headers, and answers go into the send_queue like
//! everything else; its other side continues where the kernel was full, and finds peers that are gone. Above, Chinwag's part:
//! authentication, and the operations that frames call. A connection is one task.

mod connection;
mod decoder;
mod dispatch;
mod end;
mod handshake;
mod heartbeat;
mod operation;
mod reader;
mod sink;
mod socket;
mod token_deadline;
pub mod upgrade;
mod violations;
mod write;
mod writer;

pub use end::ConnectionEnd;
pub use handshake::{SocketHandler, accept};
pub use reader::{ClientMessage, Reader};
pub use socket::Socket;
pub use token_deadline::TokenDeadline;
pub use writer::Writer;
