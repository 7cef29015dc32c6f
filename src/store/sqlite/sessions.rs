//! Sessions.

use async_trait::async_trait;
use rusqlite::params;

use super::Sqlite;
use super::rows::{Columns, pair};
use super::sql::{all, each, one, run, sql};
use crate::domain::session::{Session, SessionKey};
use crate::domain::{Result, SessionId, Timestamp, UserId};
use crate::limits;
use crate::store::sessions::LATEST;
use crate::store::{Sessions, queries};

/// id. NULL if the session was ended.
const LIVE_UNTIL: &str = "SELECT CASE WHEN ended_at IS NULL THEN expires_at END FROM sessions WHERE id = ?1";

/// at, limit
const SWEEP_SESSIONS: &str =
    "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)";

/// Reads a session.
pub(super) fn session(columns: &mut Columns<'_>) -> rusqlite::Result<Session> {
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
impl Sessions for Sqlite {
    async fn insert_session(&self, session: &Session) -> Result<()> {
        let Session { id, user_id, generation, created_at, rotated_at, expires_at, ended_at: _, user_agent } =
            session.clone();
        self.write(move |db| {
            run(db, SWEEP_SESSIONS, params![created_at, limits::SESSIONS_SWEPT])?;
            let row = params![id, user_id, generation, created_at, rotated_at, expires_at, user_agent];
            run(db, sql!(queries::sessions::INSERT_SESSION), row)?;
            let most = params![user_id, created_at, limits::SESSIONS_PER_USER_MAX];
            run(db, sql!(queries::sessions::END_OLDEST_SESSIONS), most)?;
            Ok(())
        })
        .await
    }

    async fn session(&self, SessionKey { user_id, id }: SessionKey) -> Result<Option<Session>> {
        self.read(move |db| one(db, sql!(queries::sessions::SESSION), params![user_id, id], session)).await
    }

    async fn session_by_id(&self, id: SessionId) -> Result<Option<Session>> {
        self.read(move |db| one(db, sql!(queries::sessions::SESSION_BY_ID), params![id], session)).await
    }

    async fn sessions_of(
        &self,
        user_id: UserId,
        at: Timestamp,
        before: Option<SessionId>,
        limit: usize,
    ) -> Result<Vec<Session>> {
        let (before, limit) = (before.unwrap_or(LATEST), queries::row_limit(limit));
        self.read(move |db| all(db, sql!(queries::sessions::SESSIONS_OF), params![user_id, at, before, limit], session))
            .await
    }

    async fn rotate_session(
        &self,
        SessionKey { user_id, id }: SessionKey,
        generation: i64,
        at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<bool> {
        self.write(move |db| {
            let params = params![user_id, id, generation, at, expires_at];
            Ok(run(db, sql!(queries::sessions::ROTATE_SESSION), params)? > 0)
        })
        .await
    }

    async fn live_sessions(&self, keys: &[SessionKey], at: Timestamp) -> Result<Vec<SessionId>> {
        let ids: Vec<SessionId> = keys.iter().map(|key| key.id).collect();
        let known = self.read(move |db| each::<_, Option<Timestamp>>(db, LIVE_UNTIL, &ids)).await?;
        Ok(known.into_iter().filter(|(_, until)| until.is_some_and(|until| at < until)).map(|(id, _)| id).collect())
    }

    async fn ended_sessions(
        &self,
        (since, after): (Timestamp, SessionId),
        limit: usize,
    ) -> Result<Vec<(Timestamp, SessionId)>> {
        let limit = queries::row_limit(limit);
        self.read(move |db| all(db, sql!(queries::sessions::ENDED_SESSIONS), params![since, after, limit], pair)).await
    }

    async fn end_session_of(&self, user_id: UserId, id: SessionId, at: Timestamp) -> Result<bool> {
        self.write(move |db| Ok(run(db, sql!(queries::sessions::END_SESSION_OF), params![id, user_id, at])? > 0)).await
    }

    async fn end_session(&self, SessionKey { user_id, id }: SessionKey, at: Timestamp) -> Result<()> {
        self.write(move |db| {
            run(db, sql!(queries::sessions::END_SESSION), params![user_id, id, at])?;
            Ok(())
        })
        .await
    }
}
