//! Users.

use async_trait::async_trait;
use futures_util::future::{OptionFuture, join, join3, join4, join5, try_join4};
use tokio_postgres::types::ToSql;

use super::connection::{Params, PgConnection};
use super::rows::{self, Columns};
use super::user_states::{STATE, state};
use super::{Postgres, bounded, sessions, user_states};
use crate::domain::account::Credentials;
use crate::domain::search::{WORDS_VERSION, words};
use crate::domain::session::Caller;
use crate::domain::user::{ConnectSnapshot, ConversationSnapshot, Name, User, Username, case_fold};
use crate::domain::{Code, ConversationId, Result, SessionId, Timestamp, UserId};
use crate::store::deletions::retired_key;
use crate::store::queries::deletions::IS_RETIRED;
use crate::store::queries::registration::TAKE_INVITE;
use crate::store::queries::user_settings::shows_last_seen;
use crate::store::queries::users::{insert_user, insert_user_or_fail, stale_users, user_columns};
use crate::store::queries::{self, TEXT_END, row_limit};
use crate::store::registration::invalid_invite;
use crate::store::users::{Users, disabled_meanwhile, username_taken};

/// Those of `insert_user!`, words. One row, or none if the username is taken.
const INSERT_USER: &str = concat!(
    "WITH inserted AS (",
    insert_user!(),
    " RETURNING id), found_by AS (INSERT INTO user_words (word, user_id) SELECT unnest($10::text[]), id FROM inserted) \
     SELECT id FROM inserted"
);
/// The same parameters. Fails if the username is taken: Citus makes inserts with ON CONFLICT into a copied table wait for each other.
const INSERT_USER_OR_FAIL: &str = concat!(
    "WITH inserted AS (",
    insert_user_or_fail!(),
    " RETURNING id), found_by AS (INSERT INTO user_words (word, user_id) SELECT unnest($10::text[]), id FROM inserted) \
     SELECT id FROM inserted"
);
/// ids, from, limit. The nested select has a LIMIT, so that each user is looked up by id: the planner's other ways read the whole table.
const USERS_BY_ID: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM unnest($1::uuid[]) AS wanted(id) \
     CROSS JOIN LATERAL (SELECT * FROM users WHERE users.id = wanted.id LIMIT 1) AS u \
     WHERE u.username_key >= $2 ORDER BY u.username_key LIMIT $3"
);
/// username_key
const TAKEN_USERNAME: &str = "SELECT 1 FROM users WHERE username_key = $1";
/// version, limit. Passes over users whom another process renames or rewrites.
const STALE_USERS: &str = concat!(stale_users!(), " FOR NO KEY UPDATE SKIP LOCKED");
/// users
pub(super) const RAISE_MEMBERSHIP_VERSIONS: &str =
    "UPDATE users SET membership_version = membership_version + 1 WHERE id = ANY($1)";
/// users
pub(super) const DELETE_WORDS: &str = "DELETE FROM user_words WHERE user_id = ANY($1)";
/// words, users
const INSERT_WORDS: &str = "INSERT INTO user_words (word, user_id) \
     SELECT w.word, w.user_id FROM unnest($1::text[], $2::uuid[]) AS w (word, user_id) \
     JOIN users u ON u.id = w.user_id AND u.deleted_at IS NULL";
/// users, version
const SET_WORDS_VERSION: &str = "UPDATE users SET words_name = name, words_version = $2 WHERE id = ANY($1)";
/// users, at. After the lock of the users, so that it sees a setting that was committed while it waited.
const SET_LAST_SEEN: &str = concat!(
    "UPDATE users u SET last_seen_at = greatest(u.last_seen_at, $2) \
     WHERE u.id = ANY($1) AND u.deleted_at IS NULL AND ",
    shows_last_seen!("u.id")
);
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

/// Reads the columns of [`queries::users::CREDENTIALS`].
fn credentials(columns: &mut Columns<'_>) -> Result<Credentials> {
    Ok(Credentials { user: user(columns)?, password_hash: columns.next()?, is_disabled: columns.next()? })
}

/// Reads the columns of `CONNECT_SNAPSHOT`.
fn connect_snapshot(columns: &mut Columns<'_>) -> Result<ConnectSnapshot> {
    Ok(ConnectSnapshot {
        user: user(columns)?,
        membership_version: columns.next()?,
        blocks_version: columns.next()?,
        sends_receipts: columns.next()?,
        session: None,
        conversation: None,
    })
}

/// Reads the newest number and the members.
fn conversation_snapshot(columns: &mut Columns<'_>) -> Result<ConversationSnapshot> {
    Ok(ConversationSnapshot { head: columns.next()?, members: columns.next()? })
}

/// Reads id, username and name.
fn stale_user(columns: &mut Columns<'_>) -> Result<(UserId, String, String)> {
    Ok((columns.next()?, columns.next()?, columns.next()?))
}

/// Replaces the words of these users, of whom the caller's transaction holds the locks.
async fn rewrite_words(connection: &PgConnection, users: &[(UserId, String, String)]) -> Result<()> {
    let ids: Vec<UserId> = users.iter().map(|(id, ..)| *id).collect();
    let (mut found_by, mut owners) = (Vec::new(), Vec::new());
    for (id, username, name) in users {
        for word in words(username, name) {
            found_by.push(word);
            owners.push(*id);
        }
    }
    let (deleted, inserted) =
        join(connection.send_count(DELETE_WORDS, &[&ids]), connection.send_count(INSERT_WORDS, &[&found_by, &owners]))
            .await;
    deleted?;
    inserted.map(drop)
}

/// The parameters of [`INSERT_USER`].
pub(super) struct NewUser<'a> {
    user: &'a User,
    username: &'a str,
    username_key: String,
    name: &'a str,
    name_key: String,
    password_hash: &'a str,
    is_admin: bool,
    words: Vec<String>,
}

impl<'a> NewUser<'a> {
    pub(super) fn new(user: &'a User, password_hash: &'a str, is_admin: bool) -> Self {
        let (username, name) = (user.username.as_str(), user.name.as_str());
        let words = words(username, name).into_iter().collect();
        let (username_key, name_key) = (user.username.key(), case_fold(name));
        Self { user, username, username_key, name, name_key, password_hash, is_admin, words }
    }

    pub(super) fn params(&self) -> [&(dyn ToSql + Sync); 10] {
        [
            &self.user.id,
            &self.username,
            &self.username_key,
            &self.name,
            &self.name_key,
            &self.password_hash,
            &self.user.created_at,
            &WORDS_VERSION,
            &self.is_admin,
            &self.words,
        ]
    }
}

/// An invitation, and the time at which it is used.
pub(super) type Invitation<'a> = (&'a str, Timestamp);

/// Inserts a user, and takes one use of an invitation, if there is one. One transaction in two round trips. On a distributed database it takes one more.
///
/// The look for a retired username comes after the insert, which waits for a transaction that is deleting a user of that name.
pub(super) async fn insert_user(
    connection: &PgConnection,
    new_user: &NewUser<'_>,
    invitation: Option<Invitation<'_>>,
) -> Result<()> {
    let insert_user = connection.form(INSERT_USER, INSERT_USER_OR_FAIL);
    connection.prepare(&[TAKE_INVITE, insert_user, IS_RETIRED]).await?;
    let key_hash = retired_key(&new_user.username_key);
    // An insert that fails is a warning in the log, so only one that two users try at once fails.
    let is_there =
        connection.is_distributed() && !connection.rows(TAKEN_USERNAME, &[&new_user.username_key]).await?.is_empty();
    let (code_hash, at) = invitation.unzip();
    let (begun, taken, inserted, retired) = join4(
        connection.begin(),
        OptionFuture::from(
            invitation.is_some().then_some(async { connection.send_count(TAKE_INVITE, &[&code_hash, &at]).await }),
        ),
        async { if is_there { Ok(0) } else { connection.send_count(insert_user, &new_user.params()).await } },
        connection.send(IS_RETIRED, &[&key_hash]),
    )
    .await;
    begun?;
    let taken = taken.transpose()?;
    let is_taken = match inserted {
        Ok(inserted) => inserted == 0 || !retired?.is_empty(),
        // Nothing else of a new user is refused for its data.
        Err(error) if connection.is_distributed() && error.code == Code::Invalid => true,
        Err(error) => return Err(error),
    };
    let refusal = if taken == Some(0) {
        Some(invalid_invite())
    } else if is_taken {
        Some(username_taken())
    } else {
        None
    };
    match refusal {
        Some(refusal) => {
            connection.rollback().await?;
            Err(refusal)
        }
        None => connection.commit().await,
    }
}

/// id. Whoever locks a user like this sees the sessions of all logins so far, and later logins see what the transaction wrote: the key of a
/// session's user waits for no weaker lock.
pub(super) const LOCK_USER: &str = "SELECT 1 FROM users WHERE id = $1 FOR UPDATE";

#[async_trait]
impl Users for Postgres {
    async fn insert_user(&self, user: &User, password_hash: &str) -> Result<()> {
        let new_user = NewUser::new(user, password_hash, false);
        bounded(async { Box::pin(insert_user(&*self.connection().await?, &new_user, None)).await }).await
    }

    async fn user(&self, id: UserId) -> Result<Option<User>> {
        self.one_with_user(queries::users::USER, &[&id], user).await
    }

    async fn credentials(&self, username_key: &str) -> Result<Option<Credentials>> {
        self.one_with_user(queries::users::CREDENTIALS, &[&username_key], credentials).await
    }

    async fn password_hash(&self, id: UserId) -> Result<Option<String>> {
        self.one(queries::users::PASSWORD_HASH, &[&id], rows::value).await
    }

    async fn users(&self, from: &str, limit: usize) -> Result<Vec<User>> {
        self.all_with_users(queries::users::USERS, &[&from, &row_limit(limit)], user).await
    }

    async fn users_by_id(&self, ids: &[UserId], from: &str, limit: usize) -> Result<Vec<User>> {
        self.all_with_users(USERS_BY_ID, &[&ids, &from, &row_limit(limit)], user).await
    }

    async fn user_ids_by_word(&self, prefix: &str, limit: usize) -> Result<Vec<UserId>> {
        let end = format!("{prefix}{TEXT_END}");
        self.all(queries::users::USER_IDS_BY_WORD, &[&prefix, &end, &row_limit(limit)], rows::value).await
    }

    async fn rewrite_user_words(&self, below: i64, limit: usize) -> Result<usize> {
        bounded(async {
            let connection = self.connection().await?;
            connection.prepare(&[STALE_USERS, DELETE_WORDS, INSERT_WORDS, SET_WORDS_VERSION]).await?;
            connection.begin().await?;
            let stale = connection.send(STALE_USERS, &[&below, &row_limit(limit)]).await?;
            let stale: Vec<(UserId, String, String)> = rows::all(&stale, stale_user)?;
            if stale.is_empty() {
                connection.rollback().await?;
                return Ok(0);
            }
            let ids: Vec<UserId> = stale.iter().map(|(id, ..)| *id).collect();
            let (rewritten, versioned, committed) = join3(
                rewrite_words(&connection, &stale),
                connection.send_count(SET_WORDS_VERSION, &[&ids, &WORDS_VERSION]),
                connection.commit(),
            )
            .await;
            rewritten?;
            versioned?;
            committed.map(|()| ids.len())
        })
        .await
    }

    /// One transaction in one round trip, after another for the username, which never changes. The first statement locks the user, so that
    /// the words of two renames at once are those of the later one.
    async fn rename_user(&self, id: UserId, name: &Name) -> Result<()> {
        let Some(User { username, .. }) = self.user(id).await? else { return Ok(()) };
        bounded(async {
            let rename = queries::users::RENAME_USER;
            let connection = self.connection().await?;
            connection.prepare(&[rename, DELETE_WORDS, INSERT_WORDS]).await?;
            let (name, name_key) = (name.as_str(), case_fold(name.as_str()));
            let user = [(id, username.as_str().to_owned(), name.to_owned())];
            let (begun, renamed, rewritten, committed) = join4(
                connection.begin(),
                connection.send_count(rename, &[&id, &name, &name_key, &WORDS_VERSION]),
                rewrite_words(&connection, &user),
                connection.commit(),
            )
            .await;
            begun?;
            renamed?;
            rewritten?;
            committed
        })
        .await
    }

    /// One transaction in one round trip.
    async fn change_password(
        &self,
        id: UserId,
        old_hash: &str,
        hash: &str,
        keep: SessionId,
        at: Timestamp,
    ) -> Result<Vec<SessionId>> {
        bounded(async {
            let (set_password, end_others) = (queries::users::SET_PASSWORD, queries::sessions::END_OTHER_SESSIONS);
            let connection = self.connection().await?;
            connection.prepare(&[LOCK_USER, set_password, end_others]).await?;
            let (begun, locked, set, ended, committed) = join5(
                connection.begin(),
                connection.send(LOCK_USER, &[&id]),
                connection.send_count(set_password, &[&id, &hash, &old_hash]),
                connection.send(end_others, &[&id, &Some(keep), &at]),
                connection.commit(),
            )
            .await;
            begun?;
            locked?;
            let (set, ended) = (set?, ended?);
            committed?;
            if set == 0 {
                return Err(disabled_meanwhile());
            }
            let mut ended: Vec<SessionId> = rows::all(&ended, rows::value)?;
            ended.extend(sessions::end_missed_sessions(&connection, id, Some(keep), at).await?);
            Ok(ended)
        })
        .await
    }

    async fn replace_password_hash(&self, id: UserId, old: &str, new: &str) -> Result<()> {
        self.count(queries::users::REPLACE_PASSWORD_HASH, &[&id, &old, &new]).await.map(drop)
    }

    async fn set_last_seen(&self, ids: &[UserId], at: Timestamp) -> Result<()> {
        self.change_users(ids, self.form(SET_LAST_SEEN, user_states::SET_LAST_SEEN), &[&ids, &at]).await
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
            let is_distributed = connection.is_distributed();
            if is_distributed {
                connection.prepare(&[STATE]).await?;
            }
            let limit = row_limit(limit);
            let (user, session): (Params<'_>, Params<'_>) =
                (&[&caller.user_id], &[&caller.user_id, &caller.session_id]);
            let conversation: Params<'_> = &[&caller.user_id, &to, &limit];
            let (users, states, found_sessions, conversations) = Box::pin(try_join4(
                connection.send(find_user, user),
                async { if is_distributed { connection.send(STATE, user).await } else { Ok(Vec::new()) } },
                connection.send(find_session, session),
                connection.send(CONVERSATION_SNAPSHOT, conversation),
            ))
            .await?;
            let Some(mut snapshot) = rows::first(&users, connect_snapshot)? else { return Ok(None) };
            if is_distributed {
                let state = rows::first(&states, state)?.unwrap_or_default();
                snapshot.user.last_seen_at = state.last_seen_at;
                (snapshot.membership_version, snapshot.blocks_version) =
                    (state.membership_version, state.blocks_version);
            }
            snapshot.session = rows::first(&found_sessions, sessions::session)?;
            snapshot.conversation = rows::first(&conversations, conversation_snapshot)?;
            Ok(Some(snapshot))
        })
        .await
    }
}
