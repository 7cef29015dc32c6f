//! Members.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::Sqlite;
use super::rows::{Columns, pair, value};
use super::sql::{all, one, sql};
use super::users::user;
use crate::domain::conversation::Member;
use crate::domain::user::UserVersions;
use crate::domain::{ConversationId, Error, Result, Seq, UserId};
use crate::limits;
use crate::store::queries::row_limit;
use crate::store::{Members, queries};

/// user
const VERSIONS: &str = "SELECT id, membership_version, blocks_version FROM users WHERE id = ?1";

/// Reads the columns of [`VERSIONS`].
fn versions(columns: &mut Columns<'_>) -> rusqlite::Result<UserVersions> {
    Ok(UserVersions { user_id: columns.next()?, memberships: columns.next()?, blocks: columns.next()? })
}

/// Reads `member_columns!`.
pub(super) fn member(columns: &mut Columns<'_>) -> rusqlite::Result<Member> {
    Ok(Member {
        user: user(columns)?,
        role: columns.next()?,
        joined_at: columns.next()?,
        joined_seq: columns.next()?,
        delivered_seq: columns.next()?,
        read_seq: columns.next()?,
        is_blocked: columns.next()?,
    })
}

/// Reads the least receipts of the other members, on the caller's connection.
pub(super) fn receipts_of_others(db: &Connection, id: ConversationId, user_id: UserId) -> Result<Option<(Seq, Seq)>> {
    let least = one(db, sql!(queries::receipts::RECEIPTS_OF_OTHERS), params![id, user_id], pair)?;
    Ok(least.and_then(|(delivered, read): (Option<Seq>, Option<Seq>)| delivered.zip(read)))
}

#[async_trait]
impl Members for Sqlite {
    async fn member(&self, id: ConversationId, user_id: UserId) -> Result<Option<Member>> {
        self.read(move |db| one(db, sql!(queries::members::MEMBER), params![id, user_id], member)).await
    }

    async fn members(&self, id: ConversationId, after: Option<&str>, limit: usize) -> Result<Vec<Member>> {
        let after = after.unwrap_or_default().to_owned();
        self.read(move |db| all(db, sql!(queries::members::MEMBERS), params![id, after, row_limit(limit)], member))
            .await
    }

    async fn co_members(&self, user_id: UserId, limit: usize) -> Result<Vec<UserId>> {
        self.read(move |db| {
            let params = params![
                user_id,
                limits::SMALL_CONVERSATION_MEMBERS_MAX,
                row_limit(limits::CO_MEMBER_ROWS_MAX),
                row_limit(limit)
            ];
            all(db, sql!(queries::members::CO_MEMBERS), params, value)
        })
        .await
    }

    async fn receipts_of_others(&self, id: ConversationId, user_id: UserId) -> Result<Option<(Seq, Seq)>> {
        self.read(move |db| receipts_of_others(db, id, user_id)).await
    }

    async fn membership_version(&self, id: UserId) -> Result<i64> {
        let find = move |db: &Connection| one(db, sql!(queries::members::MEMBERSHIP_VERSION), params![id], value);
        self.read(find).await?.ok_or_else(|| Error::not_found("user"))
    }

    async fn versions(&self, ids: &[UserId]) -> Result<Vec<UserVersions>> {
        let ids = ids.to_vec();
        self.read(move |db| ids.iter().filter_map(|id| one(db, VERSIONS, params![id], versions).transpose()).collect())
            .await
    }
}
