//! Numbered writes. The writer's thread runs each batch in one transaction.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Sqlite, apply, commit};
use crate::domain::Result;
use crate::domain::command::{Command, NewMessage, Outcome};
use crate::store::NumberedWrites;

#[async_trait]
impl NumberedWrites for Sqlite {
    async fn commit(&self, _lane: usize, batch: Arc<[NewMessage]>) -> Result<Vec<Result<Outcome>>> {
        self.write_batch(move |db| commit::commit(db, &batch)).await
    }

    async fn apply(&self, _lane: usize, batch: Arc<[Command]>) -> Result<Vec<Result<Outcome>>> {
        self.write_batch(move |db| apply::apply(db, &batch)).await
    }
}
