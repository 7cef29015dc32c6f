//! Pins. They are made and ended by commands; here they are read.

use async_trait::async_trait;

use crate::domain::pin::Pin;
use crate::domain::{ConversationId, Result, Seq};

/// The store's methods for pins.
#[async_trait]
pub trait Pins: Send + Sync {
    /// The pinned messages of a conversation, the newest message first, of those before `before`. Without a check of membership.
    async fn pins(&self, id: ConversationId, before: Seq, limit: usize) -> Result<Vec<Pin>>;
}
