//! Sessions.

use async_trait::async_trait;

use super::Postgres;
use super::connection::Params;
use super::rows::{self, Columns};
use crate::domain::session::Session;
use crate::domain::{Result, SessionId, Timestamp, UserId};
use crate::limits;
use crate::store::sessions::LATEST;
use crate::store::{Sessions, queries};

/// sessions, at
const LIVE_SESSIONS: &str = "SELECT id FROM sessions WHERE id = ANY($1) AND ended_at IS NULL AND expires_at > $2";

/// at, limit. Skips sessions that another node is deleting, as tickets are.
const SWEEP_SESSIONS: &str = "DELETE FROM sessions WHERE id IN ( \
         SELECT id FROM sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)";

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

#[async_trait]
impl Sessions for Postgres {
    async fn insert_session(&self, session: &Session) -> Result<()> {
        let Session { id, user_id, generation, created_at, rotated_at, expires_at, ended_at: _, user_agent } = session;
        self.count(SWEEP_SESSIONS, &[created_at, &limits::SESSIONS_SWEPT]).await?;
        let params: Params<'_> = &[id, user_id, generation, created_at, rotated_at, expires_at, user_agent];
        self.count(queries::sessions::INSERT_SESSION, params).await?;
        let most: Params<'_> = &[user_id, created_at, &limits::SESSIONS_PER_USER_MAX];
        self.count(queries::sessions::END_OLDEST_SESSIONS, most).await.map(drop)
    }

    async fn session(&self, id: SessionId) -> Result<Option<Session>> {
        self.one(queries::sessions::SESSION, &[&id], session).await
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
        id: SessionId,
        generation: i64,
        at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<bool> {
        Ok(self.count(queries::sessions::ROTATE_SESSION, &[&id, &generation, &at, &expires_at]).await? > 0)
    }

    async fn live_sessions(&self, ids: &[SessionId], at: Timestamp) -> Result<Vec<SessionId>> {
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

    async fn end_session(&self, id: SessionId, at: Timestamp) -> Result<()> {
        self.count(queries::sessions::END_SESSION, &[&id, &at]).await.map(drop)
    }
}
