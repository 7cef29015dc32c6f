//! Numbered writes. Each batch runs on the connection of its lane.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Postgres, apply, bounded, commit};
use crate::domain::Result;
use crate::domain::command::{Command, NewMessage, Outcome};
use crate::store::NumberedWrites;

#[async_trait]
impl NumberedWrites for Postgres {
    async fn commit(&self, lane: usize, batch: Arc<[NewMessage]>) -> Result<Vec<Result<Outcome>>> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        bounded(async {
            let leased = self.lane(lane)?.lease(&self.connector).await?;
            let outcomes = commit::commit(&leased.connection, &batch).await;
            leased.keep();
            outcomes
        })
        .await
    }

    async fn apply(&self, lane: usize, batch: Arc<[Command]>) -> Result<Vec<Result<Outcome>>> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        bounded(async {
            let leased = self.lane(lane)?.lease(&self.connector).await?;
            let outcomes = Box::pin(apply::apply(&leased.connection, &batch)).await;
            leased.keep();
            outcomes
        })
        .await
    }
}
