//! How a connection ends.

use crate::wire::close::Close;

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionEnd {
    /// The server closes it.
    Close(Close),
    /// The peer closed it, and the answer is in the send_queue.
    Closed,
    /// The socket is gone.
    Broken,
}

impl From<Close> for ConnectionEnd {
    fn from(close: Close) -> Self {
        Self::Close(close)
    }
}
