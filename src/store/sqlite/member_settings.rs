//! The settings of members.

use async_trait::async_trait;
use rusqlite::params;

use super::Sqlite;
use super::receipts::{MEMBER_RECEIPTS, member_receipts};
use super::sql::{one, run, sql};
use crate::domain::notifications::Notifications;
use crate::domain::receipt::MemberReceipts;
use crate::domain::{ConversationId, Result, UserId};
use crate::limits;
use crate::store::MemberSettings;
use crate::store::queries::member_settings::SET_NOTIFICATIONS;
use crate::store::queries::row_limit;

#[async_trait]
impl MemberSettings for Sqlite {
    async fn set_notifications(
        &self,
        id: ConversationId,
        user_id: UserId,
        notifications: Notifications,
    ) -> Result<Option<(bool, MemberReceipts)>> {
        self.write(move |db| {
            let row = params![id, user_id, notifications.stored_level(), notifications.until];
            let set = run(db, sql!(SET_NOTIFICATIONS), row)?;
            let params = params![id, user_id, limits::UNREAD_MAX, row_limit(limits::UNREAD_SCANNED_MAX)];
            let found = one(db, sql!(MEMBER_RECEIPTS), params, member_receipts)?;
            Ok(found.map(|receipts| (set > 0, receipts)))
        })
        .await
    }
}
