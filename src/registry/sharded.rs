//! A map in shards. Each shard has its own lock, so that tasks that work on different keys seldom wait for each other.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, PoisonError};

/// The number of shards. With this many, 2 to 64 cores seldom wait for each other. A power of two.
const SHARDS: usize = 64;

/// The map. A shard's lock is held while a closure runs. The closures neither wait nor do I/O.
pub(super) struct Sharded<K, V> {
    shards: Vec<Mutex<HashMap<K, V>>>,
    hasher: RandomState,
}

impl<K: Hash + Eq, V> Sharded<K, V> {
    pub(super) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), hasher: RandomState::new() }
    }

    /// Runs `work` on the shard that holds `key`, under its lock.
    pub(super) fn with<R>(&self, key: &K, work: impl FnOnce(&mut HashMap<K, V>) -> R) -> R {
        let index = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0);
        // A panic under the lock leaves a valid map.
        work(&mut self.shards[index].lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds up `count` of all values, shard by shard.
    pub(super) fn sum(&self, count: impl Fn(&V) -> usize) -> usize {
        let shard_sum = |shard: &Mutex<HashMap<K, V>>| {
            shard.lock().unwrap_or_else(PoisonError::into_inner).values().map(&count).sum::<usize>()
        };
        self.shards.iter().map(shard_sum).sum()
    }

    /// Collects the values that `choose` returns for the entries, shard by shard.
    pub(super) fn entries<R>(&self, choose: impl Fn(&K, &V) -> Option<R>) -> Vec<R> {
        let mut found = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            found.extend(shard.iter().filter_map(|(key, value)| choose(key, value)));
        }
        found
    }

    /// Collects everything that `choose` returns for the values, shard by shard.
    pub(super) fn collect<R>(&self, choose: impl Fn(&V) -> Vec<R>) -> Vec<R> {
        let mut found = Vec::new();
        for shard in &self.shards {
            found.extend(shard.lock().unwrap_or_else(PoisonError::into_inner).values().flat_map(&choose));
        }
        found
    }
}
