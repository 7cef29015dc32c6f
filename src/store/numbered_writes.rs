//! Numbered writes: sends and commands, which take a number in their conversation, under the lock of its counter.

use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::Result;
use crate::domain::command::{Command, NewMessage, Outcome};

/// The store's methods for numbered writes. A call that fails as a whole has committed nothing of its batch. If the code is `unavailable`, it is not known if the
/// batch was committed.
///
/// On a distributed PostgreSQL the writes of each conversation are a transaction of their own. So the results of some conversations can be
/// `unavailable` alone.
#[async_trait]
pub trait NumberedWrites: Send + Sync {
    /// Commits new messages on a lane, in their order, in one transaction. Returns one result for each, in the same order.
    ///
    /// Under the lock of its conversation's counter each message is looked up by its id (the same sender's is
    /// [`Outcome::Duplicate`], another's or a system message's is `id_taken`), its sender must be a member (else `not_found`) and the message that it
    /// replies to must be there (else `invalid`, field `reply_to`). Then it is numbered and inserted, and the sender's own receipts
    /// advance, which takes the sender's mark of unread messages away.
    ///
    /// The caller makes sure that no id stands twice in a batch, and that no message replies to another of the same batch.
    async fn commit(&self, lane: usize, batch: Arc<[NewMessage]>) -> Result<Vec<Result<Outcome>>>;

    /// Commits commands on a lane in one transaction. Returns one result for each, in the same order.
    ///
    /// Under the locks of the conversations' counters the facts are loaded, and each command is decided by the
    /// [rules](crate::domain::rules). One that is refused, or changes nothing, takes no number. The reactions to one message
    /// [share](crate::domain::rules::groups) one decision and one number.
    ///
    /// The caller makes sure that a batch has at most one command of each conversation, or reactions alone.
    async fn apply(&self, lane: usize, batch: Arc<[Command]>) -> Result<Vec<Result<Outcome>>>;
}
