//! Pins.

use async_trait::async_trait;

use super::Postgres;
use super::messages::message;
use super::rows::Columns;
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
        self.all(PINS, &[&id, &before, &row_limit(limit)], pin).await
    }
}
