//! The ways in which a connection ends.

use std::fmt;

use crate::sync::Departure;
use crate::wire::close::Close;

/// The way in which a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionEnd {
    /// The server closes the connection.
    Close(Close),
    /// The client sent a close frame, and the reply is in the send queue. `is_final`: its code does not say that the client will be back.
    Closed {
        /// The client gave no code, or one that a page gives which is left (1000, 1001).
        is_final: bool,
    },
    /// The socket failed.
    Broken,
}

impl ConnectionEnd {
    /// Returns the way in which the user leaves.
    pub fn departure(self) -> Departure {
        match self {
            Self::Closed { is_final: true } => Departure::Clean,
            // A client that is told to reconnect will, and so will one that failed or gave a code of its own.
            Self::Close(close) if close.is_final() => Departure::Clean,
            Self::Close(_) | Self::Closed { is_final: false } | Self::Broken => Departure::Lost,
        }
    }
}

impl fmt::Display for ConnectionEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Close(close) => write!(f, "closed by the server: {close}"),
            Self::Closed { .. } => f.write_str("closed by the client"),
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
    use crate::sync::Departure;
    use crate::wire::close::Close;

    #[test]
    fn the_log_has_words() {
        let text = ConnectionEnd::from(Close::SESSION_ENDED).to_string();
        assert_eq!(text, "closed by the server: 4504 session ended");
        assert_eq!(ConnectionEnd::Broken.to_string(), "the socket failed");
    }

    #[test]
    fn a_client_that_comes_back_has_not_left() {
        let closed = |is_final| ConnectionEnd::Closed { is_final };
        for end in [closed(true), Close::SESSION_ENDED.into(), Close::NOT_A_MEMBER.into()] {
            assert_eq!(end.departure(), Departure::Clean, "{end}");
        }
        let temporary =
            [Close::DRAINING, Close::OVERLOADED, Close::SLOW_CONSUMER, Close::NO_PONG, Close::TOKEN_EXPIRED];
        for end in temporary.map(ConnectionEnd::from).into_iter().chain([closed(false), ConnectionEnd::Broken]) {
            assert_eq!(end.departure(), Departure::Lost, "{end}");
        }
    }
}
