//! The ways in which a connection ends.

use crate::wire::close::Close;

/// The way in which a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionEnd {
    /// The server closes the connection.
    Close(Close),
    /// The client sent a close frame, and the reply is in the send queue.
    Closed,
    /// The socket failed.
    Broken,
}

impl From<Close> for ConnectionEnd {
    fn from(close: Close) -> Self {
        Self::Close(close)
    }
}
