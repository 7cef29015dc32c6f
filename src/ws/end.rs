//! The ways in which a connection ends.

use std::fmt;

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

impl fmt::Display for ConnectionEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Close(close) => write!(f, "closed by the server: {close}"),
            Self::Closed => f.write_str("closed by the client"),
            Self::Broken => f.write_str("the socket failed"),
        }
    }
}

impl From<Close> for ConnectionEnd {
    fn from(close: Close) -> Self {
        Self::Close(close)
    }
}

#[cfg(test)]
mod tests {
    use super::ConnectionEnd;
    use crate::wire::close::Close;

    #[test]
    fn the_log_has_words() {
        let text = ConnectionEnd::from(Close::SESSION_ENDED).to_string();
        assert_eq!(text, "closed by the server: 4504 session ended");
        assert_eq!(ConnectionEnd::Broken.to_string(), "the socket failed");
    }
}
