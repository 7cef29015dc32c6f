//! The settings of members.

use async_trait::async_trait;

use super::Postgres;
use super::rows;
use crate::domain::notifications::Notifications;
use crate::domain::{ConversationId, Result, UserId};
use crate::store::MemberSettings;
use crate::store::queries::member_settings::{IS_MEMBER, SET_NOTIFICATIONS};

#[async_trait]
impl MemberSettings for Postgres {
    /// One statement, which locks one row and then no other, so that it cannot deadlock with a send.
    async fn set_notifications(
        &self,
        id: ConversationId,
        user_id: UserId,
        notifications: Notifications,
    ) -> Result<Option<bool>> {
        let (level, until) = (notifications.stored_level(), notifications.until);
        if self.count(SET_NOTIFICATIONS, &[&id, &user_id, &level, &until]).await? > 0 {
            return Ok(Some(true));
        }
        let member: Option<i32> = self.one(IS_MEMBER, &[&id, &user_id], rows::value).await?;
        Ok(member.map(|_| false))
    }
}
