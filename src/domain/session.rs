//! Sessions: a login, its family of refresh tokens, and the tickets that open its connections.

use std::time::Duration;

use super::{SessionId, TicketId, Timestamp, UserId};
use crate::limits;

/// A session's id with its user, by whom a database may be distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct SessionKey {
    pub user_id: UserId,
    pub id: SessionId,
}

/// A login. Its refresh tokens are numbered. Only the newest can be used, and each use makes the next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Session {
    /// Access tokens carry it as `sid`.
    pub id: SessionId,
    pub user_id: UserId,
    /// The number of the newest refresh token, from 0.
    pub generation: i64,
    /// The time of the login.
    pub created_at: Timestamp,
    /// When the newest refresh token was made.
    pub rotated_at: Timestamp,
    /// When the newest refresh token expires.
    pub expires_at: Timestamp,
    /// When the session ended, if it ended before it expired.
    pub ended_at: Option<Timestamp>,
    /// The `User-Agent` of the client that logged in.
    pub user_agent: Option<String>,
}

impl Session {
    /// Makes a session that begins at `now`, with its first refresh token.
    pub fn new(user_id: UserId, now: Timestamp, expires_at: Timestamp) -> Self {
        Self {
            id: SessionId::new(),
            user_id,
            generation: 0,
            created_at: now,
            rotated_at: now,
            expires_at,
            ended_at: None,
            user_agent: None,
        }
    }

    /// Returns its key.
    pub fn key(&self) -> SessionKey {
        SessionKey { user_id: self.user_id, id: self.id }
    }

    /// Returns when a refresh token that is made at `now` expires, in a session that began at `created_at`.
    pub fn expiry(created_at: Timestamp, now: Timestamp, refresh_ttl: Duration) -> Timestamp {
        now.plus(refresh_ttl).min(created_at.plus(limits::SESSION_AGE_MAX))
    }

    /// Returns true if its tokens are valid at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && now < self.expires_at
    }
}

/// The caller of an operation: a user in one of their sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Caller {
    pub user_id: UserId,
    pub session_id: SessionId,
    /// When the access token expires.
    pub expires_at: Timestamp,
}

impl Caller {
    /// Returns the key of the session.
    pub fn session_key(&self) -> SessionKey {
        SessionKey { user_id: self.user_id, id: self.session_id }
    }
}

/// A refresh token, as its signature confirms it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct RefreshToken {
    pub session_id: SessionId,
    pub generation: i64,
    /// The user of the session, if the token names the user.
    pub user_id: Option<UserId>,
}

/// A ticket opens one connection, once and soon. A caller with an access token gets one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Ticket {
    pub id: TicketId,
    /// The caller who got it. The connection lives as long as one opened with the caller's access token.
    pub caller: Caller,
    /// When the ticket expires.
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Session;
    use crate::domain::Timestamp;
    use crate::limits;

    #[test]
    fn a_session_ends_at_its_greatest_age() {
        let (login, month) = (Timestamp(0), Duration::from_secs(30 * 24 * 3600));
        assert_eq!(Session::expiry(login, login, month), login.plus(month));
        let end = login.plus(limits::SESSION_AGE_MAX);
        assert_eq!(Session::expiry(login, end.minus(month), month), end);
        assert_eq!(Session::expiry(login, end.minus(Duration::from_secs(1)), month), end);
    }
}
