//! Members.

use std::collections::HashMap;

use async_trait::async_trait;

use super::connection::{Params, PgConnection};
use super::rows::{self, Columns};
use super::user_conversations::{CO_MEMBERS_AMONG, few};
use super::users::user;
use super::{Postgres, bounded, user_states};
use crate::domain::conversation::{Member, Role};
use crate::domain::user::UserVersions;
use crate::domain::{ConversationId, Error, Result, Seq, UserId};
use crate::limits;
use crate::store::queries::row_limit;
use crate::store::{Members, queries};

/// users
const VERSIONS: &str = "SELECT id, membership_version, blocks_version FROM users WHERE id = ANY($1)";

/// Reads `member_columns!`.
pub(super) fn member(columns: &mut Columns<'_>) -> Result<Member> {
    Ok(Member {
        user: user(columns)?,
        role: columns.parsed(Role::parse)?,
        joined_at: columns.next()?,
        joined_seq: columns.next()?,
        delivered_seq: columns.next()?,
        read_seq: columns.next()?,
        is_blocked: columns.next()?,
    })
}

/// Reads the columns of [`VERSIONS`].
fn versions(columns: &mut Columns<'_>) -> Result<UserVersions> {
    Ok(UserVersions { user_id: columns.next()?, memberships: columns.next()?, blocks: columns.next()? })
}

/// Reads the least receipts of the other members, on the caller's connection.
pub(super) async fn receipts_of_others(
    connection: &PgConnection,
    id: ConversationId,
    user_id: UserId,
) -> Result<Option<(Seq, Seq)>> {
    let least = connection.rows(queries::receipts::RECEIPTS_OF_OTHERS, &[&id, &user_id]).await?;
    let least: Option<(Option<Seq>, Option<Seq>)> = rows::first(&least, rows::pair)?;
    Ok(least.and_then(|(delivered, read)| delivered.zip(read)))
}

#[async_trait]
impl Members for Postgres {
    async fn member(&self, id: ConversationId, user_id: UserId) -> Result<Option<Member>> {
        self.one_with_user(queries::members::MEMBER, &[&id, &user_id], member).await
    }

    async fn members(&self, id: ConversationId, after: Option<&str>, limit: usize) -> Result<Vec<Member>> {
        let params: Params<'_> = &[&id, &after.unwrap_or_default(), &row_limit(limit)];
        self.all_with_users(queries::members::MEMBERS, params, member).await
    }

    async fn co_members(&self, user_id: UserId, limit: usize) -> Result<Vec<UserId>> {
        bounded(async {
            let connection = &*self.connection().await?;
            let (read, limit) = (row_limit(limits::CO_MEMBER_ROWS_MAX), row_limit(limit));
            let small = &limits::SMALL_CONVERSATION_MEMBERS_MAX;
            if connection.is_distributed()
                && let Some(few) = few(connection, user_id).await?
            {
                let params: Params<'_> = &[&user_id, small, &read, &limit, &few];
                return rows::all(&connection.rows(CO_MEMBERS_AMONG, params).await?, rows::value);
            }
            let params: Params<'_> = &[&user_id, small, &read, &limit];
            rows::all(&connection.rows(queries::members::CO_MEMBERS, params).await?, rows::value)
        })
        .await
    }

    async fn receipts_of_others(&self, id: ConversationId, user_id: UserId) -> Result<Option<(Seq, Seq)>> {
        bounded(async { receipts_of_others(&*self.connection().await?, id, user_id).await }).await
    }

    async fn membership_version(&self, id: UserId) -> Result<i64> {
        let sql = self.form(queries::members::MEMBERSHIP_VERSION, user_states::MEMBERSHIP_VERSION);
        let mut version = self.one(sql, &[&id], rows::value).await?;
        if version.is_none() && self.connector.is_distributed {
            // The first version of a user whose state nobody has written yet, if there is such a user.
            version = self.one(queries::users::USER, &[&id], |_| Ok(0)).await?;
        }
        version.ok_or_else(|| Error::not_found("user"))
    }

    async fn versions(&self, ids: &[UserId]) -> Result<Vec<UserVersions>> {
        let mut found = self.all(VERSIONS, &[&ids], versions).await?;
        if self.connector.is_distributed {
            let states = self.all(user_states::VERSIONS, &[&ids], versions).await?;
            let mut states: HashMap<UserId, UserVersions> =
                states.into_iter().map(|versions| (versions.user_id, versions)).collect();
            for versions in &mut found {
                let unwritten = UserVersions { user_id: versions.user_id, memberships: 0, blocks: 0 };
                *versions = states.remove(&versions.user_id).unwrap_or(unwritten);
            }
        }
        Ok(found)
    }
}
