//! Interest: the shards of the conversations and users that this node has connections for.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::Notify;
use uuid::Uuid;

use crate::domain::Shards;

/// Counts the conversations and users of each shard. A bus of many nodes brings this node the envelopes of these shards.
pub struct Interest {
    shards: Shards,
    counts: Box<[AtomicU32]>,
    changed: Notify,
}

impl Interest {
    /// No conversation and no user yet.
    pub fn new(shards: Shards) -> Self {
        Self { shards, counts: (0..shards.0.get()).map(|_| AtomicU32::new(0)).collect(), changed: Notify::new() }
    }

    /// Counts a conversation or a user that this node has its first connection for.
    pub fn add(&self, id: Uuid) {
        if self.count(id).fetch_add(1, Ordering::Relaxed) == 0 {
            self.changed.notify_one();
        }
    }

    /// Counts no more a conversation or a user that this node has no connection for any more.
    pub fn remove(&self, id: Uuid) {
        if self.count(id).fetch_sub(1, Ordering::Relaxed) == 1 {
            self.changed.notify_one();
        }
    }

    fn count(&self, id: Uuid) -> &AtomicU32 {
        &self.counts[usize::try_from(self.shards.of(id)).unwrap_or(0)]
    }

    /// Returns the number of all shards.
    pub fn all(&self) -> Shards {
        self.shards
    }

    /// Returns the shards that have a conversation or a user.
    pub fn shards(&self) -> Vec<u32> {
        let used = |(shard, count): (u32, &AtomicU32)| (count.load(Ordering::Relaxed) > 0).then_some(shard);
        (0..).zip(&self.counts).filter_map(used).collect()
    }

    /// Waits for a change of [`Interest::shards`] since the last call.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}
