//! The settings of members.

use async_trait::async_trait;
use futures_util::future::join4;

use super::receipts::{MEMBER_RECEIPTS, member_receipts};
use super::rows::{self, Columns};
use super::{Postgres, bounded};
use crate::domain::notifications::Notifications;
use crate::domain::receipt::MemberReceipts;
use crate::domain::{ConversationId, Result, UserId};
use crate::limits;
use crate::store::MemberSettings;
use crate::store::queries::member_settings::SET_NOTIFICATIONS;
use crate::store::queries::row_limit;

/// Reads the columns of [`MEMBER_RECEIPTS`] without those that name the member.
fn of_one_member(columns: &mut Columns<'_>) -> Result<MemberReceipts> {
    rows::pair::<ConversationId, UserId>(columns)?;
    member_receipts(columns)
}

#[async_trait]
impl MemberSettings for Postgres {
    /// One transaction in one round trip. It locks one row and then no other, so that it cannot deadlock with a send.
    async fn set_notifications(
        &self,
        id: ConversationId,
        user_id: UserId,
        notifications: Notifications,
    ) -> Result<Option<(bool, MemberReceipts)>> {
        bounded(async {
            let connection = self.connection().await?;
            connection.prepare(&[SET_NOTIFICATIONS, MEMBER_RECEIPTS]).await?;
            let (level, until) = (notifications.stored_level(), notifications.until);
            let (conversations, users, scanned) = ([id], [user_id], row_limit(limits::UNREAD_SCANNED_MAX));
            let (begun, set, found, committed) = Box::pin(join4(
                connection.begin(),
                connection.send_count(SET_NOTIFICATIONS, &[&id, &user_id, &level, &until]),
                connection.send(
                    MEMBER_RECEIPTS,
                    &[&conversations.as_slice(), &users.as_slice(), &limits::UNREAD_MAX, &scanned],
                ),
                connection.commit(),
            ))
            .await;
            begun?;
            let (set, found) = (set?, found?);
            committed?;
            Ok(rows::first(&found, of_one_member)?.map(|receipts| (set > 0, receipts)))
        })
        .await
    }
}
