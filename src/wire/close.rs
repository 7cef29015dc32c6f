//! The close codes of a WebSocket. `docs/protocol.md` has the same table.
//!
//! 1000 to 1015 are defined by RFC 6455. After 4000 to 4499 the client reconnects. After 4500 to 4999 it does not, unless the cause is
//! removed.

use std::fmt;

use crate::domain::{Code, Error};

/// The code and the reason with which the server closes a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close {
    /// The close code.
    pub code: u16,
    /// A few words for developers.
    pub reason: &'static str,
}

const fn close(code: u16, reason: &'static str) -> Close {
    Close { code, reason }
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.reason)
    }
}

impl Close {
    /// The peer closed the connection, and the server answers.
    pub const ANSWERED: Self = close(1000, "");
    /// The client broke RFC 6455.
    pub const PROTOCOL_ERROR: Self = close(1002, "protocol error");
    /// The client sent a binary frame.
    pub const BINARY: Self = close(1003, "text frames only");
    /// The client sent text that is not UTF-8.
    pub const NOT_UTF8: Self = close(1007, "not UTF-8");
    /// The client sent a frame or a message over the limit.
    pub const TOO_BIG: Self = close(1009, "too big");
    /// The server has a defect.
    pub const INTERNAL: Self = close(1011, "internal error");
    /// The server is about to stop.
    pub const DRAINING: Self = close(1012, "draining");
    /// The server is overloaded, or the numbers of a conversation went back with a restored backup.
    pub const OVERLOADED: Self = close(1013, "try again later");

    // The client reconnects.

    /// The client does not read fast enough; it can reconnect and resume.
    pub const SLOW_CONSUMER: Self = close(4008, "slow consumer");
    /// The client left two pings unanswered.
    pub const NO_PONG: Self = close(4012, "no pong");
    /// The client goes on sending too fast after refusals.
    pub const TOO_FAST: Self = close(4029, "too fast");
    /// The access token has expired; the client refreshes it first.
    pub const TOKEN_EXPIRED: Self = close(4040, "token expired");

    // The client does not reconnect unless the cause is removed.

    /// The token is not valid.
    pub const BAD_TOKEN: Self = close(4500, "bad token");
    /// The ticket is not valid. The words are the same for one that never was, so that they tell nothing of tickets.
    pub const BAD_TICKET: Self = close(4500, "ticket unknown, used or expired");
    /// The client sent too many malformed frames in a row.
    pub const BAD_FRAMES: Self = close(4501, "bad frames");
    /// The client did not authenticate in time.
    pub const NO_AUTHENTICATION: Self = close(4502, "no authentication in time");
    /// The user is not, or no longer, in the conversation.
    pub const NOT_A_MEMBER: Self = close(4503, "not a member");
    /// The session has ended.
    pub const SESSION_ENDED: Self = close(4504, "session ended");
    /// The user has too many connections.
    pub const TOO_MANY_CONNECTIONS: Self = close(4505, "too many connections");

    /// Returns true if the client does not reconnect.
    pub fn is_final(self) -> bool {
        const FINAL: std::ops::RangeInclusive<u16> = 4500..=4999;
        FINAL.contains(&self.code)
    }

    /// Returns the close for a connection that an error refuses.
    pub fn for_error(error: &Error) -> Self {
        match error.code {
            Code::TokenExpired => Self::TOKEN_EXPIRED,
            Code::SessionEnded => Self::SESSION_ENDED,
            Code::NotFound => Self::NOT_A_MEMBER,
            Code::Busy | Code::Unavailable | Code::Draining => Self::OVERLOADED,
            Code::Internal => Self::INTERNAL,
            _ => Self::BAD_TOKEN,
        }
    }
}
