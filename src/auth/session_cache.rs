//! The session cache: remembers live sessions, so that not every request reads the store.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::domain::SessionId;
use crate::limits;

/// Sessions that the store reported as live within [`limits::SESSION_CACHE_TTL`]. Ending one on this node takes effect at once.
#[derive(Default)]
pub struct SessionCache(Mutex<State>);

#[derive(Default)]
struct State {
    cached_at: HashMap<SessionId, Instant>,
    /// Incremented by each invalidation, so that a result of the store that is older than an invalidation is not cached.
    epoch: u64,
}

impl SessionCache {
    /// Returns `Ok` if the session is in the cache. Otherwise returns the epoch as the error, to pass to [`SessionCache::insert`] after
    /// reading the store.
    pub fn get(&self, id: SessionId) -> Result<(), u64> {
        self.with(|state| match state.cached_at.get(&id) {
            Some(cached_at) if cached_at.elapsed() < limits::SESSION_CACHE_TTL => Ok(()),
            _ => Err(state.epoch),
        })
    }

    /// Caches a live session, unless a session was invalidated since `epoch`.
    pub fn insert(&self, id: SessionId, epoch: u64) {
        self.with(|state| {
            if state.epoch != epoch {
                return;
            }
            if state.cached_at.len() >= limits::SESSION_CACHE_MAX {
                state.cached_at.retain(|_, cached_at| cached_at.elapsed() < limits::SESSION_CACHE_TTL);
            }
            if state.cached_at.len() < limits::SESSION_CACHE_MAX {
                state.cached_at.insert(id, Instant::now());
            }
        });
    }

    /// Removes sessions that have ended.
    pub fn invalidate(&self, ids: &[SessionId]) {
        self.with(|state| {
            state.epoch += 1;
            for id in ids {
                state.cached_at.remove(id);
            }
        });
    }

    fn with<R>(&self, work: impl FnOnce(&mut State) -> R) -> R {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::SessionCache;
    use crate::domain::SessionId;

    #[test]
    fn a_result_from_before_an_invalidation_is_not_cached() {
        let (cache, id) = (SessionCache::default(), SessionId::new());
        let epoch = cache.get(id).expect_err("the cache is empty");
        cache.insert(id, epoch);
        assert_eq!(cache.get(id), Ok(()));
        let epoch = cache.get(SessionId::new()).expect_err("not in the cache");
        cache.invalidate(&[id]);
        cache.insert(id, epoch);
        assert!(cache.get(id).is_err());
    }
}
