//! The settings of users.

use async_trait::async_trait;

use super::Postgres;
use super::contacts::contact_from;
use super::rows::{self, Columns};
use crate::domain::user::MySettings;
use crate::domain::{Result, UserId};
use crate::store::UserSettings;
use crate::store::queries::user_settings::{SET_SEND_RECEIPTS, SETTINGS, sends_receipts};

/// reader, users
const HIDDEN_READERS: &str = concat!(
    "SELECT w.id FROM unnest($2::uuid[]) AS w (id) WHERE w.id <> $1 AND NOT (",
    sends_receipts!("$1"),
    " AND ",
    sends_receipts!("w.id"),
    ")"
);

/// Reads the columns of [`SETTINGS`].
fn my_settings(columns: &mut Columns<'_>) -> Result<MySettings> {
    Ok(MySettings { contact_from: contact_from(columns)?, send_receipts: columns.next()? })
}

#[async_trait]
impl UserSettings for Postgres {
    async fn settings(&self, user_id: UserId) -> Result<Option<MySettings>> {
        self.one(SETTINGS, &[&user_id], my_settings).await
    }

    async fn set_send_receipts(&self, user_id: UserId, send_receipts: bool) -> Result<()> {
        self.count(SET_SEND_RECEIPTS, &[&user_id, &send_receipts]).await.map(drop)
    }

    async fn hidden_readers(&self, reader_id: UserId, ids: &[UserId]) -> Result<Vec<UserId>> {
        self.all(HIDDEN_READERS, &[&reader_id, &ids], rows::value).await
    }
}
