//! The settings of users.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::Sqlite;
use super::rows::{Columns, value};
use super::sql::{one, run, sql};
use crate::domain::user::MySettings;
use crate::domain::{Result, Timestamp, UserId};
use crate::store::UserSettings;
use crate::store::queries::user_settings::{
    FORGET_LAST_SEEN, SET_DO_NOT_DISTURB, SET_SEND_RECEIPTS, SET_SHOW_LAST_SEEN, SETTINGS, sends_receipts,
};

/// user
const SENDS_RECEIPTS: &str = concat!("SELECT ", sends_receipts!("?1"));

/// Reads the columns of [`SETTINGS`].
fn my_settings(columns: &mut Columns<'_>) -> rusqlite::Result<MySettings> {
    Ok(MySettings {
        contact_from: columns.next()?,
        send_receipts: columns.next()?,
        show_last_seen: columns.next()?,
        do_not_disturb_until: columns.next()?,
    })
}

/// Returns true if a user sends read receipts.
fn sends_receipts(db: &Connection, user_id: UserId) -> Result<bool> {
    Ok(one(db, SENDS_RECEIPTS, params![user_id], value)?.unwrap_or(true))
}

#[async_trait]
impl UserSettings for Sqlite {
    async fn settings(&self, user_id: UserId) -> Result<Option<MySettings>> {
        self.read(move |db| one(db, sql!(SETTINGS), params![user_id], my_settings)).await
    }

    async fn set_send_receipts(&self, user_id: UserId, send_receipts: bool) -> Result<()> {
        self.write(move |db| run(db, sql!(SET_SEND_RECEIPTS), params![user_id, send_receipts]).map(drop)).await
    }

    async fn set_show_last_seen(&self, user_id: UserId, show_last_seen: bool) -> Result<()> {
        self.write(move |db| {
            run(db, sql!(FORGET_LAST_SEEN), params![user_id, show_last_seen])?;
            run(db, sql!(SET_SHOW_LAST_SEEN), params![user_id, show_last_seen]).map(drop)
        })
        .await
    }

    async fn set_do_not_disturb(&self, user_id: UserId, until: Option<Timestamp>) -> Result<()> {
        self.write(move |db| run(db, sql!(SET_DO_NOT_DISTURB), params![user_id, until]).map(drop)).await
    }

    async fn hidden_readers(&self, reader_id: UserId, ids: &[UserId]) -> Result<Vec<UserId>> {
        let ids = ids.to_vec();
        self.read(move |db| {
            let reader_sends = sends_receipts(db, reader_id)?;
            let mut hidden = Vec::new();
            for id in ids.into_iter().filter(|id| *id != reader_id) {
                if !(reader_sends && sends_receipts(db, id)?) {
                    hidden.push(id);
                }
            }
            Ok(hidden)
        })
        .await
    }

    async fn silent_readers(&self, ids: &[UserId]) -> Result<Vec<UserId>> {
        let ids = ids.to_vec();
        self.read(move |db| {
            let mut silent = Vec::new();
            for id in ids {
                if !sends_receipts(db, id)? {
                    silent.push(id);
                }
            }
            Ok(silent)
        })
        .await
    }
}
