//! Users.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::Sqlite;
use super::heads::HEAD_FOR;
use super::rows::{Columns, pair, value};
use super::sessions::session;
use super::sql::{all, one, run, sql};
use crate::domain::account::Credentials;
use crate::domain::search::{WORDS_VERSION, words};
use crate::domain::session::Caller;
use crate::domain::user::{ConnectSnapshot, ConversationSnapshot, Name, User, Username, case_fold};
use crate::domain::{ConversationId, Result, Seq, SessionId, Timestamp, UserId};
use crate::store::deletions::retired_key;
use crate::store::queries::deletions::IS_RETIRED;
use crate::store::queries::user_settings::shows_last_seen;
use crate::store::queries::users::{insert_user, stale_users};
use crate::store::queries::{self, TEXT_END, row_limit};
use crate::store::users::{Users, disabled_meanwhile, username_taken};

/// id, at
const SET_LAST_SEEN: &str = concat!(
    "UPDATE users SET last_seen_at = max(coalesce(last_seen_at, ?2), ?2) WHERE id = ?1 AND deleted_at IS NULL AND ",
    shows_last_seen!("users.id")
);
/// id, word
const INSERT_WORD: &str =
    "INSERT INTO user_words (word, user_id) SELECT ?2, id FROM users WHERE id = ?1 AND deleted_at IS NULL";
/// id
pub(super) const DELETE_WORDS: &str = "DELETE FROM user_words WHERE user_id = ?1";
/// id, version
const SET_WORDS_VERSION: &str = "UPDATE users SET words_name = name, words_version = ?2 WHERE id = ?1";
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

/// Reads the columns of [`queries::users::CREDENTIALS`].
fn credentials(columns: &mut Columns<'_>) -> rusqlite::Result<Credentials> {
    Ok(Credentials { user: user(columns)?, password_hash: columns.next()?, is_disabled: columns.next()? })
}

/// Reads the columns of `CONNECT_SNAPSHOT`.
fn connect_snapshot(columns: &mut Columns<'_>) -> rusqlite::Result<ConnectSnapshot> {
    Ok(ConnectSnapshot {
        user: user(columns)?,
        membership_version: columns.next()?,
        blocks_version: columns.next()?,
        sends_receipts: columns.next()?,
        session: None,
        conversation: None,
    })
}

/// Replaces the words of a user.
fn write_words(db: &Connection, id: UserId, username: &str, name: &str) -> Result<()> {
    run(db, DELETE_WORDS, params![id])?;
    for word in words(username, name) {
        run(db, INSERT_WORD, params![id, word])?;
    }
    Ok(())
}

/// Inserts a user and the words by which they are found.
pub(super) fn insert_user(db: &Connection, user: &User, password_hash: &str, is_admin: bool) -> Result<()> {
    let User { id, created_at, .. } = user;
    let (username, name) = (user.username.as_str(), user.name.as_str());
    let (username_key, name_key) = (user.username.key(), case_fold(name));
    let row = params![id, username, username_key, name, name_key, password_hash, created_at, WORDS_VERSION, is_admin];
    if run(db, sql!(insert_user!()), row)? == 0
        || one(db, sql!(IS_RETIRED), [retired_key(&username_key)], value::<i64>)?.is_some()
    {
        return Err(username_taken());
    }
    write_words(db, user.id, username, name)
}

#[async_trait]
impl Users for Sqlite {
    async fn insert_user(&self, user: &User, password_hash: &str) -> Result<()> {
        let (user, password_hash) = (user.clone(), password_hash.to_owned());
        self.write(move |db| insert_user(db, &user, &password_hash, false)).await
    }

    async fn user(&self, id: UserId) -> Result<Option<User>> {
        self.read(move |db| one(db, sql!(queries::users::USER), params![id], user)).await
    }

    async fn credentials(&self, username_key: &str) -> Result<Option<Credentials>> {
        let key = username_key.to_owned();
        self.read(move |db| one(db, sql!(queries::users::CREDENTIALS), params![key], credentials)).await
    }

    async fn password_hash(&self, id: UserId) -> Result<Option<String>> {
        self.read(move |db| one(db, sql!(queries::users::PASSWORD_HASH), params![id], value)).await
    }

    async fn users(&self, from: &str, limit: usize) -> Result<Vec<User>> {
        let from = from.to_owned();
        self.read(move |db| all(db, sql!(queries::users::USERS), params![from, row_limit(limit)], user)).await
    }

    async fn users_by_id(&self, ids: &[UserId], from: &str, limit: usize) -> Result<Vec<User>> {
        let (ids, from) = (ids.to_vec(), from.to_owned());
        self.read(move |db| {
            let mut found = Vec::with_capacity(ids.len());
            for id in ids {
                let user = one(db, sql!(queries::users::USER), params![id], user)?;
                found.extend(user.map(|user| (user.username.key(), user)).filter(|(key, _)| *key >= from));
            }
            found.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
            Ok(found.into_iter().map(|(_, user)| user).take(limit).collect())
        })
        .await
    }

    async fn user_ids_by_word(&self, prefix: &str, limit: usize) -> Result<Vec<UserId>> {
        let (prefix, end) = (prefix.to_owned(), format!("{prefix}{TEXT_END}"));
        self.read(move |db| {
            all(db, sql!(queries::users::USER_IDS_BY_WORD), params![prefix, end, row_limit(limit)], value)
        })
        .await
    }

    async fn rewrite_user_words(&self, below: i64, limit: usize) -> Result<usize> {
        let read = |columns: &mut Columns<'_>| Ok((columns.next()?, columns.next()?, columns.next()?));
        let find = sql!(stale_users!());
        // Only rarely are there any, and to look for them in the writer's queue would delay the writes.
        if !self.read(move |db| Ok(one(db, find, params![below, 1], value::<UserId>)?.is_some())).await? {
            return Ok(0);
        }
        self.write(move |db| {
            let users: Vec<(UserId, String, String)> = all(db, find, params![below, row_limit(limit)], read)?;
            for (id, username, name) in &users {
                write_words(db, *id, username, name)?;
                run(db, SET_WORDS_VERSION, params![id, WORDS_VERSION])?;
            }
            Ok(users.len())
        })
        .await
    }

    async fn rename_user(&self, id: UserId, name: &Name) -> Result<()> {
        let name = name.clone();
        self.write(move |db| {
            let Some(User { username, .. }) = one(db, sql!(queries::users::USER), params![id], user)? else {
                return Ok(());
            };
            let row = params![id, name.as_str(), case_fold(name.as_str()), WORDS_VERSION];
            run(db, sql!(queries::users::RENAME_USER), row)?;
            write_words(db, id, username.as_str(), name.as_str())
        })
        .await
    }

    async fn change_password(
        &self,
        id: UserId,
        old_hash: &str,
        hash: &str,
        keep: SessionId,
        at: Timestamp,
    ) -> Result<Vec<SessionId>> {
        let (old_hash, hash) = (old_hash.to_owned(), hash.to_owned());
        self.write(move |db| {
            if run(db, sql!(queries::users::SET_PASSWORD), params![id, hash, old_hash])? == 0 {
                return Err(disabled_meanwhile());
            }
            all(db, sql!(queries::sessions::END_OTHER_SESSIONS), params![id, Some(keep), at], value)
        })
        .await
    }

    async fn replace_password_hash(&self, id: UserId, old: &str, new: &str) -> Result<()> {
        let (old, new) = (old.to_owned(), new.to_owned());
        self.write(move |db| run(db, sql!(queries::users::REPLACE_PASSWORD_HASH), params![id, old, new]).map(drop))
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
            snapshot.session = one(db, sql!(queries::sessions::SESSION), params![user_id, session_id], session)?;
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

#[cfg(test)]
#[path = "users_tests.rs"]
mod tests;
