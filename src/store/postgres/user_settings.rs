//! The settings of users.

use async_trait::async_trait;
use futures_util::future::join5;

use super::contacts::contact_from;
use super::rows::{self, Columns};
use super::{Postgres, bounded, user_locks, user_states};
use crate::domain::user::MySettings;
use crate::domain::{Result, Timestamp, UserId};
use crate::store::UserSettings;
use crate::store::queries::user_settings::{
    FORGET_LAST_SEEN, SET_DO_NOT_DISTURB, SET_SEND_RECEIPTS, SET_SHOW_LAST_SEEN, SETTINGS, sends_receipts,
};

/// reader, users
const HIDDEN_READERS: &str = concat!(
    "SELECT w.id FROM unnest($2::uuid[]) AS w (id) WHERE w.id <> $1 AND NOT (",
    sends_receipts!("$1"),
    " AND ",
    sends_receipts!("w.id"),
    ")"
);

/// users
const SILENT_READERS: &str =
    concat!("SELECT w.id FROM unnest($1::uuid[]) AS w (id) WHERE NOT ", sends_receipts!("w.id"));

/// Reads the columns of [`SETTINGS`].
fn my_settings(columns: &mut Columns<'_>) -> Result<MySettings> {
    Ok(MySettings {
        contact_from: contact_from(columns)?,
        send_receipts: columns.next()?,
        show_last_seen: columns.next()?,
        do_not_disturb_until: columns.next()?,
    })
}

#[async_trait]
impl UserSettings for Postgres {
    async fn settings(&self, user_id: UserId) -> Result<Option<MySettings>> {
        self.one(SETTINGS, &[&user_id], my_settings).await
    }

    async fn set_send_receipts(&self, user_id: UserId, send_receipts: bool) -> Result<()> {
        self.count(SET_SEND_RECEIPTS, &[&user_id, &send_receipts]).await.map(drop)
    }

    async fn set_show_last_seen(&self, user_id: UserId, show_last_seen: bool) -> Result<()> {
        bounded(async {
            let connection = self.connection().await?;
            let forget = connection.form(FORGET_LAST_SEEN, user_states::FORGET_LAST_SEEN);
            user_locks::prepare(&connection).await?;
            connection.prepare(&[forget, SET_SHOW_LAST_SEEN]).await?;
            // The user first, whose lock a writer of the time takes as well.
            let (begun, locked, set, forgotten, committed) = join5(
                connection.begin(),
                user_locks::lock(&connection, &[user_id]),
                connection.send_count(SET_SHOW_LAST_SEEN, &[&user_id, &show_last_seen]),
                connection.send_count(forget, &[&user_id, &show_last_seen]),
                connection.commit(),
            )
            .await;
            begun?;
            locked?;
            set?;
            forgotten?;
            committed
        })
        .await
    }

    async fn set_do_not_disturb(&self, user_id: UserId, until: Option<Timestamp>) -> Result<()> {
        self.count(SET_DO_NOT_DISTURB, &[&user_id, &until]).await.map(drop)
    }

    async fn hidden_readers(&self, reader_id: UserId, ids: &[UserId]) -> Result<Vec<UserId>> {
        self.all(HIDDEN_READERS, &[&reader_id, &ids], rows::value).await
    }

    async fn silent_readers(&self, ids: &[UserId]) -> Result<Vec<UserId>> {
        self.all(SILENT_READERS, &[&ids], rows::value).await
    }
}
