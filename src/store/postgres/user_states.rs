//! The states of users, on a database whose tables are distributed: the values that the server writes often of a user, in a table by user. So a write goes to one worker, and
//! waits for no other user's. On plain PostgreSQL they are columns of `users`, of which every worker of a distributed one has a copy.
//!
//! The first write makes a user's row; without one all is as for a new user. `chinwag migrate --distribute`, and `chinwag copy` at its end, make rows from
//! the columns of `users`, which nobody reads or writes from then on.
//!
//! A transaction writes this table after its rows of copied tables: Citus changes none once a transaction has changed rows of several shards.

use std::collections::HashMap;

use super::connection::{Params, PgConnection};
use super::rows::{self, Columns};
use super::{Postgres, bounded};
use crate::domain::account::{Account, Credentials};
use crate::domain::block::Block;
use crate::domain::conversation::Member;
use crate::domain::conversation_view::ConversationView;
use crate::domain::user::User;
use crate::domain::{Result, Timestamp, UserId};
use crate::store::EmojiAndUser;

/// users
const LAST_SEEN: &str =
    "SELECT user_id, last_seen_at FROM user_states WHERE user_id = ANY($1) AND last_seen_at IS NOT NULL";
/// user
pub(super) const STATE: &str = "SELECT membership_version, blocks_version, last_seen_at, new_day, new_that_day FROM user_states WHERE user_id = $1";
/// user
pub(super) const MEMBERSHIP_VERSION: &str = "SELECT membership_version FROM user_states WHERE user_id = $1";
/// users
pub(super) const VERSIONS: &str =
    "SELECT user_id, membership_version, blocks_version FROM user_states WHERE user_id = ANY($1)";
/// users, each as often as the version rises
pub(super) const RAISE_MEMBERSHIP_VERSIONS: &str = "INSERT INTO user_states AS s (user_id, membership_version) \
     SELECT w.id, count(*) FROM unnest($1::uuid[]) AS w (id) GROUP BY w.id \
     ON CONFLICT (user_id) DO UPDATE SET membership_version = s.membership_version + excluded.membership_version";
/// one, other
pub(super) const RAISE_BLOCKS_VERSIONS: &str = "INSERT INTO user_states AS s (user_id, blocks_version) \
     SELECT w.id, 1 FROM unnest(ARRAY[$1, $2]::uuid[]) AS w (id) \
     ON CONFLICT (user_id) DO UPDATE SET blocks_version = s.blocks_version + 1";
/// users, at. After the lock of the users, so that it sees a setting that was committed while it waited.
pub(super) const SET_LAST_SEEN: &str = "INSERT INTO user_states AS s (user_id, last_seen_at) \
     SELECT u.id, $2 FROM users u LEFT JOIN user_settings t ON t.user_id = u.id \
     WHERE u.id = ANY($1) AND u.deleted_at IS NULL AND coalesce(t.show_last_seen, true) \
     ON CONFLICT (user_id) DO UPDATE SET last_seen_at = greatest(s.last_seen_at, excluded.last_seen_at)";
/// user, show_last_seen
pub(super) const FORGET_LAST_SEEN: &str =
    "UPDATE user_states SET last_seen_at = CASE WHEN $2 THEN last_seen_at END WHERE user_id = $1";
/// users. After the lock of the users.
pub(super) const FORGET_HIDDEN: &str = "UPDATE user_states s SET last_seen_at = NULL FROM user_settings t \
     WHERE t.user_id = s.user_id AND s.user_id = ANY($1) AND NOT t.show_last_seen";
/// after, limit. True for a user whose time is kept and not shown.
pub(super) const SETTINGS_AFTER: &str = "SELECT t.user_id, NOT t.show_last_seen AND s.last_seen_at IS NOT NULL \
     FROM user_settings t JOIN user_states s ON s.user_id = t.user_id WHERE t.user_id > $1 ORDER BY t.user_id LIMIT $2";
/// user, day, number
pub(super) const SET_NEW_THAT_DAY: &str = "INSERT INTO user_states (user_id, new_day, new_that_day) VALUES ($1, $2, $3) \
     ON CONFLICT (user_id) DO UPDATE SET new_day = excluded.new_day, new_that_day = excluded.new_that_day";

/// The values of a user that the server writes when they join or leave conversations, create them, block somebody, or disconnect.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct UserState {
    pub(super) membership_version: i64,
    pub(super) blocks_version: i64,
    pub(super) last_seen_at: Option<Timestamp>,
    /// The last day on which a conversation counted for a quota, in days of UTC since 1970, and the number of that day.
    pub(super) new_day: Option<i64>,
    pub(super) new_that_day: i64,
}

/// Reads the columns of [`STATE`].
pub(super) fn state(columns: &mut Columns<'_>) -> Result<UserState> {
    Ok(UserState {
        membership_version: columns.next()?,
        blocks_version: columns.next()?,
        last_seen_at: columns.next()?,
        new_day: columns.next()?,
        new_that_day: columns.next()?,
    })
}

/// An item that shows a user, and with them when they were last seen.
pub(super) trait ShowsUser {
    fn user_mut(&mut self) -> Option<&mut User>;
}

impl ShowsUser for User {
    fn user_mut(&mut self) -> Option<&mut User> {
        Some(self)
    }
}

impl ShowsUser for EmojiAndUser {
    fn user_mut(&mut self) -> Option<&mut User> {
        Some(&mut self.1)
    }
}

impl ShowsUser for ConversationView {
    fn user_mut(&mut self) -> Option<&mut User> {
        self.peer.as_mut()
    }
}

macro_rules! show_their_user {
    ($($item:ty),+) => {
        $(impl ShowsUser for $item {
            fn user_mut(&mut self) -> Option<&mut User> {
                Some(&mut self.user)
            }
        })+
    };
}

show_their_user!(Account, Block, Credentials, Member);

/// Sets when the users of these items were last seen, on a distributed database. One question, to the shards of the users. On plain PostgreSQL the items have it.
pub(super) async fn add_last_seen<T: ShowsUser>(connection: &PgConnection, items: &mut [T]) -> Result<()> {
    if !connection.is_distributed() {
        return Ok(());
    }
    let ids: Vec<UserId> = items.iter_mut().filter_map(|item| Some(item.user_mut()?.id)).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let seen: Vec<(UserId, Timestamp)> = rows::all(&connection.rows(LAST_SEEN, &[&ids]).await?, rows::pair)?;
    let seen: HashMap<UserId, Timestamp> = seen.into_iter().collect();
    for user in items.iter_mut().filter_map(T::user_mut) {
        user.last_seen_at = seen.get(&user.id).copied();
    }
    Ok(())
}

impl Postgres {
    /// Runs a statement whose rows show users. Returns all its rows.
    pub(super) async fn all_with_users<T: ShowsUser>(
        &self,
        sql: &'static str,
        params: Params<'_>,
        read: fn(&mut Columns<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        bounded(async {
            let connection = self.connection().await?;
            let mut items = rows::all(&connection.rows(sql, params).await?, read)?;
            add_last_seen(&connection, &mut items).await?;
            Ok(items)
        })
        .await
    }

    /// Runs a statement that selects at most one row, which shows a user. Returns the row, if there is one.
    pub(super) async fn one_with_user<T: ShowsUser>(
        &self,
        sql: &'static str,
        params: Params<'_>,
        read: fn(&mut Columns<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        Ok(self.all_with_users(sql, params, read).await?.pop())
    }
}
