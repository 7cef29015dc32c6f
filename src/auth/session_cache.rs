//! The cache of live sessions, so that not every request asks the store.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::domain::SessionId;
use crate::limits;

/// Sessions that the store reported as live a moment ago. Ending one on this node takes effect at once.
#[derive(Default)]
pub struct SessionCache(Mutex<State>);

#[derive(Default)]
struct State {
    cached_at: HashMap<SessionId, Instant>,
    /// Rises with each invalidation, so that an answer of the store that is older than one is not cached.
    epoch: u64,
}

impl SessionCache {
    /// Returns `Ok` if the session is known to be live. Otherwise returns the epoch to give to [`SessionCache::insert`] after
    /// asking the store.
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
    fn an_answer_from_before_an_invalidation_is_not_cached() {
        let (cache, id) = (SessionCache::default(), SessionId::new());
        let epoch = cache.get(id).expect_err("nothing is known yet");
        cache.insert(id, epoch);
        assert_eq!(cache.get(id), Ok(()));
        let epoch = cache.get(SessionId::new()).expect_err("another");
        cache.invalidate(&[id]);
        cache.insert(id, epoch);
        assert!(cache.get(id).is_err());
    }
}
