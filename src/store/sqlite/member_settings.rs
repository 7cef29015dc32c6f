//! The settings of members.

use async_trait::async_trait;
use rusqlite::params;

use super::Sqlite;
use super::rows::value;
use super::sql::{one, run, sql};
use crate::domain::notifications::Notifications;
use crate::domain::{ConversationId, Result, UserId};
use crate::store::MemberSettings;
use crate::store::queries::member_settings::{IS_MEMBER, SET_NOTIFICATIONS};

#[async_trait]
impl MemberSettings for Sqlite {
    async fn set_notifications(
        &self,
        id: ConversationId,
        user_id: UserId,
        notifications: Notifications,
    ) -> Result<Option<bool>> {
        self.write(move |db| {
            let row = params![id, user_id, notifications.stored_level(), notifications.until];
            if run(db, sql!(SET_NOTIFICATIONS), row)? > 0 {
                return Ok(Some(true));
            }
            let member: Option<i64> = one(db, sql!(IS_MEMBER), params![id, user_id], value)?;
            Ok(member.map(|_| false))
        })
        .await
    }
}
