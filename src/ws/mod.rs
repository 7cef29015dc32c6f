//! The WebSocket transport: the handshake, and the task of each connection.
//!
//! The lower half is an open [`Socket`], independent of the meaning of its frames. Its reader decodes frames, with tungstenite's parser of
//! headers. Its writer flushes the send queue when the kernel can take more, and closes connections whose client does not respond.
//! The upper half is Chinwag's protocol: authentication, and the operations that frames call.

mod activity_frames;
mod connection;
mod decoder;
mod dispatch;
mod end;
mod handshake;
mod heartbeat;
mod message_frames;
mod operation;
mod reader;
mod receipt_frames;
mod sink;
mod socket;
mod token_deadline;
pub mod upgrade;
mod violations;
mod writer;

pub use end::ConnectionEnd;
pub use handshake::{SocketHandler, accept};
pub use reader::{ClientMessage, Reader};
pub use socket::Socket;
pub use token_deadline::TokenDeadline;
pub use writer::Writer;
