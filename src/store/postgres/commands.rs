//! Commands, each on the connection of its lane.

use async_trait::async_trait;

use super::{Postgres, bounded, change, commit, revise};
use crate::domain::Result;
use crate::domain::command::{Change, Outcome, Revision, Send};
use crate::store::Commands;

#[async_trait]
impl Commands for Postgres {
    async fn commit(&self, lane: usize, batch: &[Send]) -> Result<Vec<Result<Outcome>>> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        bounded(async {
            let leased = self.lane(lane)?.lease(&self.connector).await?;
            let outcomes = commit::commit(&leased.connection, batch).await;
            leased.keep();
            outcomes
        })
        .await
    }

    async fn revise(&self, lane: usize, revision: &Revision) -> Result<Outcome> {
        bounded(async {
            let leased = self.lane(lane)?.lease(&self.connector).await?;
            let outcome = Box::pin(revise::revise(&leased.connection, revision)).await;
            leased.keep();
            outcome
        })
        .await
    }

    async fn change(&self, lane: usize, change: &Change) -> Result<Outcome> {
        bounded(async {
            let leased = self.lane(lane)?.lease(&self.connector).await?;
            let outcome = change::change(&leased.connection, change).await;
            leased.keep();
            outcome
        })
        .await
    }
}
