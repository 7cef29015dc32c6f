//! Commands, each in a transaction of the writer.

use async_trait::async_trait;

use super::{Sqlite, change, commit, revise};
use crate::domain::Result;
use crate::domain::command::{Change, Outcome, Revision, Send};
use crate::store::Commands;

#[async_trait]
impl Commands for Sqlite {
    async fn commit(&self, _lane: usize, batch: &[Send]) -> Result<Vec<Result<Outcome>>> {
        let batch = batch.to_vec();
        self.write(move |db| commit::commit(db, &batch)).await
    }

    async fn revise(&self, _lane: usize, revision: &Revision) -> Result<Outcome> {
        let revision = revision.clone();
        self.write(move |db| revise::revise(db, &revision)).await
    }

    async fn change(&self, _lane: usize, change: &Change) -> Result<Outcome> {
        let change = change.clone();
        self.write(move |db| change::change(db, &change)).await
    }
}
