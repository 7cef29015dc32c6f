//! Sessions.

use async_trait::async_trait;

use super::Postgres;
use super::connection::{Params, PgConnection};
use super::rows::{self, Columns};
use super::tickets::{DELETE_EXPIRED_TICKET, EXPIRED_TICKETS};
use crate::domain::session::{Session, SessionKey};
use crate::domain::{Result, SessionId, TicketId, Timestamp, UserId};
use crate::limits;
use crate::store::sessions::LATEST;
use crate::store::{Sessions, queries};

/// sessions, at
const LIVE_SESSIONS: &str = "SELECT id FROM sessions WHERE id = ANY($1) AND ended_at IS NULL AND expires_at > $2";

/// users, sessions, at. The same where they are distributed by user.
const LIVE_SESSIONS_OF_USERS: &str =
    "SELECT id FROM sessions WHERE user_id = ANY($1) AND id = ANY($2) AND ended_at IS NULL AND expires_at > $3";

/// at, limit. Skips sessions that another node is deleting, as tickets are.
const SWEEP_SESSIONS: &str = "DELETE FROM sessions WHERE id IN ( \
         SELECT id FROM sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)";

/// at, limit. Of all shards.
const EXPIRED_SESSIONS: &str = "SELECT user_id, id FROM sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2";
/// user, id, at
const DELETE_EXPIRED_SESSION: &str = "DELETE FROM sessions WHERE user_id = $1 AND id = $2 AND expires_at <= $3";

/// Reads a session.
pub(super) fn session(columns: &mut Columns<'_>) -> Result<Session> {
    Ok(Session {
        id: columns.next()?,
        user_id: columns.next()?,
        generation: columns.next()?,
        created_at: columns.next()?,
        rotated_at: columns.next()?,
        expires_at: columns.next()?,
        ended_at: columns.next()?,
        user_agent: columns.next()?,
    })
}

/// Ends the sessions that a committed transaction may have missed, which locked their user and ended those that it saw. On a distributed database a
/// login does not wait for that lock, which is on another server. Its session either is there by now, or begins later, and then the login
/// sees what the transaction wrote.
pub(super) async fn end_missed_sessions(
    connection: &PgConnection,
    user_id: UserId,
    keep: Option<SessionId>,
    at: Timestamp,
) -> Result<Vec<SessionId>> {
    if !connection.is_distributed() {
        return Ok(Vec::new());
    }
    let ended = connection.rows(queries::sessions::END_OTHER_SESSIONS, &[&user_id, &keep, &at]).await?;
    rows::all(&ended, rows::value)
}

impl Postgres {
    /// Deletes some expired sessions. On a distributed database also some expired tickets, because a new ticket deletes only those of its user.
    async fn sweep_sessions(&self, at: Timestamp) -> Result<()> {
        if !self.connector.is_distributed {
            return self.count(SWEEP_SESSIONS, &[&at, &limits::SESSIONS_SWEPT]).await.map(drop);
        }
        let (find, delete) = (EXPIRED_SESSIONS, DELETE_EXPIRED_SESSION);
        self.sweep_by_user::<SessionId>(find, delete, at, limits::SESSIONS_SWEPT).await?;
        self.sweep_by_user::<TicketId>(EXPIRED_TICKETS, DELETE_EXPIRED_TICKET, at, limits::TICKETS_SWEPT).await
    }
}

#[async_trait]
impl Sessions for Postgres {
    async fn insert_session(&self, session: &Session) -> Result<()> {
        let Session { id, user_id, generation, created_at, rotated_at, expires_at, ended_at: _, user_agent } = session;
        self.sweep_sessions(*created_at).await?;
        let params: Params<'_> = &[id, user_id, generation, created_at, rotated_at, expires_at, user_agent];
        self.count(queries::sessions::INSERT_SESSION, params).await?;
        let most: Params<'_> = &[user_id, created_at, &limits::SESSIONS_PER_USER_MAX];
        self.count(queries::sessions::END_OLDEST_SESSIONS, most).await.map(drop)
    }

    async fn session(&self, SessionKey { user_id, id }: SessionKey) -> Result<Option<Session>> {
        self.one(queries::sessions::SESSION, &[&user_id, &id], session).await
    }

    async fn session_by_id(&self, id: SessionId) -> Result<Option<Session>> {
        self.one(queries::sessions::SESSION_BY_ID, &[&id], session).await
    }

    async fn sessions_of(
        &self,
        user_id: UserId,
        at: Timestamp,
        before: Option<SessionId>,
        limit: usize,
    ) -> Result<Vec<Session>> {
        let before = before.unwrap_or(LATEST);
        self.all(queries::sessions::SESSIONS_OF, &[&user_id, &at, &before, &queries::row_limit(limit)], session).await
    }

    async fn rotate_session(
        &self,
        SessionKey { user_id, id }: SessionKey,
        generation: i64,
        at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<bool> {
        let params: Params<'_> = &[&user_id, &id, &generation, &at, &expires_at];
        Ok(self.count(queries::sessions::ROTATE_SESSION, params).await? > 0)
    }

    async fn live_sessions(&self, keys: &[SessionKey], at: Timestamp) -> Result<Vec<SessionId>> {
        let (users, ids): (Vec<UserId>, Vec<SessionId>) = keys.iter().map(|key| (key.user_id, key.id)).unzip();
        if self.connector.is_distributed {
            return self.all(LIVE_SESSIONS_OF_USERS, &[&users, &ids, &at], rows::value).await;
        }
        self.all(LIVE_SESSIONS, &[&ids, &at], rows::value).await
    }

    async fn ended_sessions(
        &self,
        (since, after): (Timestamp, SessionId),
        limit: usize,
    ) -> Result<Vec<(Timestamp, SessionId)>> {
        self.all(queries::sessions::ENDED_SESSIONS, &[&since, &after, &queries::row_limit(limit)], rows::pair).await
    }

    async fn end_session_of(&self, user_id: UserId, id: SessionId, at: Timestamp) -> Result<bool> {
        Ok(self.count(queries::sessions::END_SESSION_OF, &[&id, &user_id, &at]).await? > 0)
    }

    async fn end_session(&self, SessionKey { user_id, id }: SessionKey, at: Timestamp) -> Result<()> {
        self.count(queries::sessions::END_SESSION, &[&user_id, &id, &at]).await.map(drop)
    }
}
