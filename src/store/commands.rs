//! Commands: the writes that take a number in their conversation, under the lock of its counter.

use async_trait::async_trait;

use crate::domain::Result;
use crate::domain::command::{Change, Outcome, Revision, Send};

/// Commands.
#[async_trait]
pub trait Commands: std::marker::Send + Sync {
    /// Commits a batch on a lane, in its order, in one transaction. Returns one result for each send, in the same order.
    ///
    /// Under the lock of its conversation's counter each send is looked up by its id (the same sender's is
    /// [`Outcome::Repeated`], another's is `id_taken`), its sender must be a member (else `not_found`) and the message that it
    /// replies to must be there (else `invalid`, field `reply_to`). Then it is numbered and inserted, and the sender's own receipts
    /// advance.
    ///
    /// An error of the whole call means that nothing of it was committed or, if its code is `unavailable`, that this is not known.
    ///
    /// The caller makes sure that no id stands twice in a batch, and that no send replies to another of the same batch.
    async fn commit(&self, lane: usize, batch: &[Send]) -> Result<Vec<Result<Outcome>>>;

    /// Commits a revision of a message on a lane, by the rules of [`crate::domain::revision`]. A revision that changes nothing is
    /// [`Outcome::Repeated`], and takes no number.
    async fn revise(&self, lane: usize, revision: &Revision) -> Result<Outcome>;

    /// Commits a change of members or name on a lane, by the rules of [`crate::domain::membership`].
    async fn change(&self, lane: usize, change: &Change) -> Result<Outcome>;
}
