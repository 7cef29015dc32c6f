//! The index of messages by their words, which a worker writes behind the commits.
//!
//! A conversation is indexed in the order of its numbers, and the store keeps the number up to which it is. Edits and deletions have numbers as
//! new messages have, so that none is missed, whatever node or command made them. The conversations with new events come from two sides:
//! from what this node commits, at once, and from a scan of all conversations, at the start and once in a while. The first is a hint that
//! may be lost.

mod queue;
mod worker;

pub use queue::{IndexQueue, QueueingBus};
pub use worker::IndexWorker;
