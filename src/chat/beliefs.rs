//! Which sessions are believed to be live, so that not every request asks the store.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::domain::SessionId;
use crate::limits;

/// Sessions that the store said were live a moment ago. Ending one is seen at once on this node.
#[derive(Default)]
pub(super) struct Beliefs(Mutex<State>);

#[derive(Default)]
struct State {
    since: HashMap<SessionId, Instant>,
    /// Counts what was forgotten: an answer of the store that is older than that is not believed.
    forgotten: u64,
}

impl Beliefs {
    /// Whether the session is believed to be live; otherwise a mark to give to [`Beliefs::believe`] after asking the store.
    pub(super) fn is_live(&self, id: SessionId) -> Result<(), u64> {
        self.with(|state| match state.since.get(&id) {
            Some(since) if since.elapsed() < limits::SESSION_BELIEVED => Ok(()),
            _ => Err(state.forgotten),
        })
    }

    /// Believes what the store said, unless something was forgotten since the mark was given.
    pub(super) fn believe(&self, id: SessionId, mark: u64) {
        self.with(|state| {
            if state.forgotten != mark {
                return;
            }
            if state.since.len() >= limits::SESSIONS_BELIEVED {
                state.since.retain(|_, since| since.elapsed() < limits::SESSION_BELIEVED);
            }
            if state.since.len() < limits::SESSIONS_BELIEVED {
                state.since.insert(id, Instant::now());
            }
        });
    }

    /// These sessions have ended.
    pub(super) fn forget(&self, ids: &[SessionId]) {
        self.with(|state| {
            state.forgotten += 1;
            for id in ids {
                state.since.remove(id);
            }
        });
    }

    fn with<R>(&self, work: impl FnOnce(&mut State) -> R) -> R {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::Beliefs;
    use crate::domain::SessionId;

    #[test]
    fn an_answer_from_before_the_end_is_not_believed() {
        let (beliefs, id) = (Beliefs::default(), SessionId::new());
        let mark = beliefs.is_live(id).expect_err("nothing is known yet");
        beliefs.believe(id, mark);
        assert_eq!(beliefs.is_live(id), Ok(()));
        let mark = beliefs.is_live(SessionId::new()).expect_err("another");
        beliefs.forget(&[id]);
        beliefs.believe(id, mark);
        assert!(beliefs.is_live(id).is_err());
    }
}
