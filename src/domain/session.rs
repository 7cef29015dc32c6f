//! Sessions: a login, the family of refresh tokens that continues it, and tickets to its connections.

use super::{SessionId, TicketId, Timestamp, UserId};

/// A login. Its refresh tokens are numbered; only the newest may be used, and each use makes the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Names it; access tokens carry it as `sid`.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// The number of the newest refresh token, from 0.
    pub generation: i64,
    /// When the login happened.
    pub created_at: Timestamp,
    /// When the newest refresh token was made.
    pub rotated_at: Timestamp,
    /// When the newest refresh token expires.
    pub expires_at: Timestamp,
    /// When the session was ended before its time, if it was.
    pub ended_at: Option<Timestamp>,
}

impl Session {
    /// Whether its tokens are good at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && now < self.expires_at
    }
}

/// Who makes a request: a user, by one of their sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The user.
    pub user_id: UserId,
    /// The session.
    pub session_id: SessionId,
    /// When the access token expires.
    pub expires_at: Timestamp,
}

/// Leave to open one connection, once and soon, given to whoever has an access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Names it.
    pub id: TicketId,
    /// Who asked for it, and until when their token is good: the connection lives as long as one that the token opened.
    pub caller: Caller,
    /// When it is too late to use it.
    pub expires_at: Timestamp,
}
