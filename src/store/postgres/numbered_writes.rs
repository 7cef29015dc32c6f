//! Numbered writes. Each batch runs on the connection of its lane.

use std::sync::Arc;

use async_trait::async_trait;

use super::apply_facts::OF_MANY;
use super::{Postgres, apply, bounded, by_conversation, commit};
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
            let outcomes = if leased.connection.is_distributed() {
                Box::pin(by_conversation::commit_each(&leased.connection, &batch)).await
            } else {
                commit::commit(&leased.connection, &batch).await
            };
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
            let outcomes = if leased.connection.is_distributed() {
                Ok(Box::pin(by_conversation::apply_each(&leased.connection, &batch)).await)
            } else {
                Box::pin(apply::apply(&leased.connection, &OF_MANY, &batch)).await
            };
            leased.keep();
            outcomes
        })
        .await
    }
}
