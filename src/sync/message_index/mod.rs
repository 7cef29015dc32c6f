//! The index of messages by their words, which a worker writes behind the commits.
//!
//! A conversation is indexed in the order of its numbers, and the store keeps the number up to which it is. Edits and deletions have numbers as
//! new messages have, so that none is missed, whatever node or command made them. New events come from two sides: those that
//! this node commits come from the journal, without a read, and those of other nodes and of before a crash from a scan of all conversations,
//! at the start and once in a while. The first may be lost: what follows a missing number is left to the store.

mod queue;
mod turns;
mod worker;

pub use queue::{IndexQueue, QueueingBus};
pub use worker::IndexWorker;
