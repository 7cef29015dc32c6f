//! Users.

use async_trait::async_trait;
use futures_util::future::{join4, try_join3};

use super::connection::Params;
use super::rows::{self, Columns};
use super::{Postgres, bounded, sessions};
use crate::domain::session::Caller;
use crate::domain::user::{ConnectSnapshot, ConversationSnapshot, Name, User, Username, case_fold};
use crate::domain::{ConversationId, Result, SessionId, Timestamp, UserId};
use crate::store::queries::{self, TEXT_END, row_limit};
use crate::store::users::{Users, username_taken};

/// users, at
const SET_LAST_SEEN: &str = "WITH locked AS ( \
         SELECT id FROM users WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE \
     ) UPDATE users u SET last_seen_at = greatest(u.last_seen_at, $2) FROM locked WHERE u.id = locked.id";
/// user, conversation (NULL for none), limit. No row if the user is not a member.
const CONVERSATION_SNAPSHOT: &str = "SELECT k.last_seq, ARRAY(SELECT user_id FROM members WHERE conversation_id = $2 LIMIT $3) \
     FROM members mb JOIN counters k ON k.conversation_id = mb.conversation_id \
     WHERE mb.user_id = $1 AND mb.conversation_id = $2";

/// Reads `user_columns!`.
pub(super) fn user(columns: &mut Columns<'_>) -> Result<User> {
    Ok(User {
        id: columns.next()?,
        username: Username::from_trusted(columns.next()?),
        name: Name::from_trusted(columns.next()?),
        created_at: columns.next()?,
        last_seen_at: columns.next()?,
    })
}

/// Reads `user_columns!` and the password's hash.
fn credentials(columns: &mut Columns<'_>) -> Result<(User, String)> {
    Ok((user(columns)?, columns.next()?))
}

/// Reads `user_columns!` and the membership version.
fn connect_snapshot(columns: &mut Columns<'_>) -> Result<ConnectSnapshot> {
    Ok(ConnectSnapshot { user: user(columns)?, membership_version: columns.next()?, session: None, conversation: None })
}

/// Reads the newest number and the members.
fn conversation_snapshot(columns: &mut Columns<'_>) -> Result<ConversationSnapshot> {
    Ok(ConversationSnapshot { head: columns.next()?, members: columns.next()? })
}

#[async_trait]
impl Users for Postgres {
    async fn insert_user(&self, user: &User, password_hash: &str) -> Result<()> {
        let (username, name) = (user.username.as_str(), user.name.as_str());
        let params: Params<'_> =
            &[&user.id, &username, &user.username.key(), &name, &case_fold(name), &password_hash, &user.created_at];
        match self.count(queries::users::INSERT_USER, params).await? {
            0 => Err(username_taken()),
            _ => Ok(()),
        }
    }

    async fn user(&self, id: UserId) -> Result<Option<User>> {
        self.one(queries::users::USER, &[&id], user).await
    }

    async fn credentials(&self, username_key: &str) -> Result<Option<(User, String)>> {
        self.one(queries::users::CREDENTIALS, &[&username_key], credentials).await
    }

    async fn password_hash(&self, id: UserId) -> Result<Option<String>> {
        self.one(queries::users::PASSWORD_HASH, &[&id], rows::value).await
    }

    async fn users(&self, prefix: Option<&str>, after: Option<&str>, limit: usize) -> Result<Vec<User>> {
        let (prefix, after) = (prefix.unwrap_or_default(), after.unwrap_or_default());
        let end = format!("{prefix}{TEXT_END}");
        self.all(queries::users::USERS, &[&after, &prefix, &end, &row_limit(limit)], user).await
    }

    async fn rename_user(&self, id: UserId, name: &Name) -> Result<()> {
        self.count(queries::users::RENAME_USER, &[&id, &name.as_str(), &case_fold(name.as_str())]).await.map(drop)
    }

    /// One transaction in one round trip.
    async fn change_password(&self, id: UserId, hash: &str, keep: SessionId, at: Timestamp) -> Result<Vec<SessionId>> {
        bounded(async {
            let (set_password, end_others) = (queries::users::SET_PASSWORD, queries::sessions::END_OTHER_SESSIONS);
            let connection = self.connection().await?;
            connection.prepare(&[set_password, end_others]).await?;
            let (begun, set, ended, committed) = join4(
                connection.begin(),
                connection.send_count(set_password, &[&id, &hash]),
                connection.send(end_others, &[&id, &keep, &at]),
                connection.commit(),
            )
            .await;
            begun?;
            set?;
            let ended = ended?;
            committed?;
            rows::all(&ended, rows::value)
        })
        .await
    }

    async fn set_last_seen(&self, ids: &[UserId], at: Timestamp) -> Result<()> {
        self.count(SET_LAST_SEEN, &[&ids, &at]).await.map(drop)
    }

    /// One round trip.
    async fn connect_snapshot(
        &self,
        caller: &Caller,
        to: Option<ConversationId>,
        limit: usize,
    ) -> Result<Option<ConnectSnapshot>> {
        bounded(async {
            let (find_user, find_session) = (queries::users::CONNECT_SNAPSHOT, queries::sessions::SESSION);
            let connection = self.connection().await?;
            connection.prepare(&[find_user, find_session, CONVERSATION_SNAPSHOT]).await?;
            let limit = row_limit(limit);
            let (user, session): (Params<'_>, Params<'_>) = (&[&caller.user_id], &[&caller.session_id]);
            let conversation: Params<'_> = &[&caller.user_id, &to, &limit];
            let (users, found_sessions, conversations) = try_join3(
                connection.send(find_user, user),
                connection.send(find_session, session),
                connection.send(CONVERSATION_SNAPSHOT, conversation),
            )
            .await?;
            let Some(mut snapshot) = rows::first(&users, connect_snapshot)? else { return Ok(None) };
            snapshot.session = rows::first(&found_sessions, sessions::session)?;
            snapshot.conversation = rows::first(&conversations, conversation_snapshot)?;
            Ok(Some(snapshot))
        })
        .await
    }
}
