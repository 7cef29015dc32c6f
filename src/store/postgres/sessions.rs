//! Sessions.

use async_trait::async_trait;

use super::Postgres;
use super::connection::Params;
use super::rows::{self, Columns};
use crate::domain::session::Session;
use crate::domain::{Result, SessionId, Timestamp};
use crate::store::{Sessions, queries};

/// sessions
const LIVE_SESSIONS: &str = "SELECT id FROM sessions WHERE id = ANY($1) AND ended_at IS NULL";

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
    })
}

#[async_trait]
impl Sessions for Postgres {
    async fn insert_session(&self, session: &Session) -> Result<()> {
        let Session { id, user_id, generation, created_at, rotated_at, expires_at, ended_at: _ } = session;
        let params: Params<'_> = &[id, user_id, generation, created_at, rotated_at, expires_at];
        self.count(queries::sessions::INSERT_SESSION, params).await.map(drop)
    }

    async fn session(&self, id: SessionId) -> Result<Option<Session>> {
        self.one(queries::sessions::SESSION, &[&id], session).await
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

    async fn live_sessions(&self, ids: &[SessionId]) -> Result<Vec<SessionId>> {
        self.all(LIVE_SESSIONS, &[&ids], rows::value).await
    }

    async fn ended_sessions(&self, since: Timestamp, limit: usize) -> Result<Vec<SessionId>> {
        self.all(queries::sessions::ENDED_SESSIONS, &[&since, &queries::row_limit(limit)], rows::value).await
    }

    async fn end_session(&self, id: SessionId, at: Timestamp) -> Result<()> {
        self.count(queries::sessions::END_SESSION, &[&id, &at]).await.map(drop)
    }
}
