//! Sessions: logins and their refresh tokens.

use async_trait::async_trait;
use uuid::Uuid;

use crate::domain::session::{Session, SessionKey};
use crate::domain::{Result, SessionId, Timestamp, UserId};

/// The store's methods for sessions.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Inserts a session. Deletes some expired ones as well.
    async fn insert_session(&self, session: &Session) -> Result<()>;

    /// Returns a session, ended or not.
    async fn session(&self, key: SessionKey) -> Result<Option<Session>>;

    /// Returns a session of any user, ended or not, for refresh tokens that do not name their user. A distributed database asks all its servers.
    async fn session_by_id(&self, id: SessionId) -> Result<Option<Session>>;

    /// Lists the user's sessions that are live at `at`, the latest login first, of those before `before`.
    async fn sessions_of(
        &self,
        user_id: UserId,
        at: Timestamp,
        before: Option<SessionId>,
        limit: usize,
    ) -> Result<Vec<Session>>;

    /// Raises a session's generation to the one after `generation`, which makes the next refresh token the newest one. Returns false, and
    /// changes nothing, if `generation` is older than the newest or the session is not live.
    async fn rotate_session(
        &self,
        key: SessionKey,
        generation: i64,
        at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<bool>;

    /// Returns those of these sessions that are live at `at`.
    async fn live_sessions(&self, keys: &[SessionKey], at: Timestamp) -> Result<Vec<SessionId>>;

    /// Returns sessions that were ended, with the time, in the order of time and id, of those after `after`. At most `limit`.
    async fn ended_sessions(&self, after: (Timestamp, SessionId), limit: usize) -> Result<Vec<(Timestamp, SessionId)>>;

    /// Ends a session of this user. Returns false, and changes nothing, if the user has no such live session.
    async fn end_session_of(&self, user_id: UserId, id: SessionId, at: Timestamp) -> Result<bool>;

    /// Ends a session, if it has not ended yet.
    async fn end_session(&self, key: SessionKey, at: Timestamp) -> Result<()>;
}

/// The position before the first session.
pub(super) const LATEST: SessionId = SessionId(Uuid::max());
