//! Pins.

use async_trait::async_trait;

use super::messages::message;
use super::quotes::add_quotes;
use super::rows::{self, Columns};
use super::{Postgres, bounded};
use crate::domain::pin::Pin;
use crate::domain::{ConversationId, Result, Seq};
use crate::store::Pins;
use crate::store::queries::{pins::PINS, row_limit};

fn pin(columns: &mut Columns<'_>) -> Result<Pin> {
    Ok(Pin { message: message(columns)?, user_id: columns.next()?, pinned_at: columns.next()? })
}

#[async_trait]
impl Pins for Postgres {
    async fn pins(&self, id: ConversationId, before: Seq, limit: usize) -> Result<Vec<Pin>> {
        bounded(async {
            let connection = self.connection().await?;
            let mut pins = rows::all(&connection.rows(PINS, &[&id, &before, &row_limit(limit)]).await?, pin)?;
            add_quotes(&connection, pins.iter_mut().map(|pin| &mut pin.message).collect()).await?;
            Ok(pins)
        })
        .await
    }
}
