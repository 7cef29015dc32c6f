//! Users.

use async_trait::async_trait;
use rusqlite::params;

use super::Sqlite;
use super::heads::HEAD_FOR;
use super::rows::{Columns, pair, value};
use super::sessions::session;
use super::sql::{all, one, run, sql};
use crate::domain::session::Caller;
use crate::domain::user::{ConnectSnapshot, ConversationSnapshot, Name, User, Username, case_fold};
use crate::domain::{ConversationId, Result, Seq, SessionId, Timestamp, UserId};
use crate::store::queries::{self, TEXT_END, row_limit};
use crate::store::users::{Users, username_taken};

/// id, at
const SET_LAST_SEEN: &str = "UPDATE users SET last_seen_at = max(coalesce(last_seen_at, ?2), ?2) WHERE id = ?1";
/// conversation, limit
const MEMBER_IDS: &str = "SELECT user_id FROM members WHERE conversation_id = ?1 LIMIT ?2";

/// Reads `user_columns!`.
pub(super) fn user(columns: &mut Columns<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: columns.next()?,
        username: Username::from_trusted(columns.next()?),
        name: Name::from_trusted(columns.next()?),
        created_at: columns.next()?,
        last_seen_at: columns.next()?,
    })
}

/// Reads `user_columns!` and the password's hash.
fn credentials(columns: &mut Columns<'_>) -> rusqlite::Result<(User, String)> {
    Ok((user(columns)?, columns.next()?))
}

/// Reads `user_columns!` and the membership version.
fn connect_snapshot(columns: &mut Columns<'_>) -> rusqlite::Result<ConnectSnapshot> {
    Ok(ConnectSnapshot { user: user(columns)?, membership_version: columns.next()?, session: None, conversation: None })
}

#[async_trait]
impl Users for Sqlite {
    async fn insert_user(&self, user: &User, password_hash: &str) -> Result<()> {
        let (user, password_hash) = (user.clone(), password_hash.to_owned());
        self.write(move |db| {
            let (username, name) = (user.username.as_str(), user.name.as_str());
            let row =
                params![user.id, username, case_fold(username), name, case_fold(name), password_hash, user.created_at];
            match run(db, sql!(queries::users::INSERT_USER), row)? {
                0 => Err(username_taken()),
                _ => Ok(()),
            }
        })
        .await
    }

    async fn user(&self, id: UserId) -> Result<Option<User>> {
        self.read(move |db| one(db, sql!(queries::users::USER), params![id], user)).await
    }

    async fn credentials(&self, username_key: &str) -> Result<Option<(User, String)>> {
        let key = username_key.to_owned();
        self.read(move |db| one(db, sql!(queries::users::CREDENTIALS), params![key], credentials)).await
    }

    async fn password_hash(&self, id: UserId) -> Result<Option<String>> {
        self.read(move |db| one(db, sql!(queries::users::PASSWORD_HASH), params![id], value)).await
    }

    async fn users(&self, prefix: Option<&str>, after: Option<&str>, limit: usize) -> Result<Vec<User>> {
        let prefix = prefix.unwrap_or_default().to_owned();
        let end = format!("{prefix}{TEXT_END}");
        let after = after.unwrap_or_default().to_owned();
        self.read(move |db| all(db, sql!(queries::users::USERS), params![after, prefix, end, row_limit(limit)], user))
            .await
    }

    async fn rename_user(&self, id: UserId, name: &Name) -> Result<()> {
        let name = name.clone();
        self.write(move |db| {
            run(db, sql!(queries::users::RENAME_USER), params![id, name.as_str(), case_fold(name.as_str())])?;
            Ok(())
        })
        .await
    }

    async fn change_password(&self, id: UserId, hash: &str, keep: SessionId, at: Timestamp) -> Result<Vec<SessionId>> {
        let hash = hash.to_owned();
        self.write(move |db| {
            run(db, sql!(queries::users::SET_PASSWORD), params![id, hash])?;
            all(db, sql!(queries::sessions::END_OTHER_SESSIONS), params![id, keep, at], value)
        })
        .await
    }

    async fn set_last_seen(&self, ids: &[UserId], at: Timestamp) -> Result<()> {
        let ids = ids.to_vec();
        self.write(move |db| {
            for id in ids {
                run(db, SET_LAST_SEEN, params![id, at])?;
            }
            Ok(())
        })
        .await
    }

    async fn connect_snapshot(
        &self,
        caller: &Caller,
        to: Option<ConversationId>,
        limit: usize,
    ) -> Result<Option<ConnectSnapshot>> {
        let Caller { user_id, session_id, .. } = *caller;
        self.read(move |db| {
            let snapshot = one(db, sql!(queries::users::CONNECT_SNAPSHOT), params![user_id], connect_snapshot)?;
            let Some(mut snapshot) = snapshot else { return Ok(None) };
            snapshot.session = one(db, sql!(queries::sessions::SESSION), params![session_id], session)?;
            if let Some(id) = to
                && let Some((_, head)) = one(db, HEAD_FOR, params![user_id, id], pair::<ConversationId, Seq>)?
            {
                let members = all(db, MEMBER_IDS, params![id, row_limit(limit)], value)?;
                snapshot.conversation = Some(ConversationSnapshot { head, members });
            }
            Ok(Some(snapshot))
        })
        .await
    }
}
