//! Why a connection ends, in the codes of `docs/protocol.md`.

use crate::domain::{Code, Error};
use crate::registry::Close;

pub(super) const BINARY: Close = Close { code: 1003, reason: "text frames only" };
pub(super) const BROKEN_PROTOCOL: Close = Close { code: 1002, reason: "protocol error" };
pub(super) const NOT_UTF8: Close = Close { code: 1007, reason: "not UTF-8" };
pub(super) const TOO_BIG: Close = Close { code: 1009, reason: "too big" };
pub(super) const INTERNAL: Close = Close { code: 1011, reason: "internal error" };
/// The server is about to stop.
pub const DRAINING: Close = Close { code: 1012, reason: "draining" };
pub(super) const NO_PONG: Close = Close { code: 4012, reason: "no pong" };
pub(super) const TOO_FAST: Close = Close { code: 4029, reason: "too fast" };
pub(super) const TOKEN_EXPIRED: Close = Close { code: 4040, reason: "token expired" };
pub(super) const BAD_TOKEN: Close = Close { code: 4500, reason: "bad token" };
pub(super) const BAD_FRAMES: Close = Close { code: 4501, reason: "bad frames" };
pub(super) const NO_AUTHENTICATION: Close = Close { code: 4502, reason: "no authentication in time" };

/// How a connection comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The server closes it.
    Close(Close),
    /// The peer closed it, and the answer to that is in the outbox.
    Closed,
    /// The socket is gone.
    Broken,
}

impl From<Close> for End {
    fn from(close: Close) -> Self {
        Self::Close(close)
    }
}

/// The close that tells a client why it was refused.
pub(super) fn of_refused(error: &Error) -> Close {
    match error.code {
        Code::TokenExpired => TOKEN_EXPIRED,
        Code::SessionEnded => Close::SESSION_ENDED,
        Code::NotFound => Close::NOT_A_MEMBER,
        Code::Busy | Code::Unavailable | Code::Draining => Close::OVERLOADED,
        Code::Internal => INTERNAL,
        _ => BAD_TOKEN,
    }
}
