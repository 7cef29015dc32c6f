//! Pins.

use async_trait::async_trait;
use rusqlite::params;

use super::Sqlite;
use super::messages::message;
use super::quotes::add_quotes;
use super::rows::Columns;
use super::sql::{all, sql};
use crate::domain::pin::Pin;
use crate::domain::{ConversationId, Result, Seq};
use crate::store::Pins;
use crate::store::queries::{pins::PINS, row_limit};

fn pin(columns: &mut Columns<'_>) -> rusqlite::Result<Pin> {
    Ok(Pin { message: message(columns)?, user_id: columns.next()?, pinned_at: columns.next()? })
}

#[async_trait]
impl Pins for Sqlite {
    async fn pins(&self, id: ConversationId, before: Seq, limit: usize) -> Result<Vec<Pin>> {
        self.read(move |db| {
            let mut pins = all(db, sql!(PINS), params![id, before, row_limit(limit)], pin)?;
            add_quotes(db, pins.iter_mut().map(|pin| &mut pin.message))?;
            Ok(pins)
        })
        .await
    }
}
