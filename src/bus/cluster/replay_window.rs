//! The replay window: the packets that came from one node.

use crate::limits;

/// The words of a replay window.
#[expect(clippy::cast_possible_truncation, reason = "they are few")]
const WORDS: usize = (limits::REPLAY_WINDOW / u64::BITS as u64) as usize;

/// The newest counters of one sender, as the anti-replay window of IPsec has them (RFC 4303, section 3.4.3).
pub(super) struct ReplayWindow {
    newest: u64,
    /// The bit of a counter is set if its packet came. Only those of the last [`limits::REPLAY_WINDOW`] counters count.
    seen: Box<[u64]>,
}

impl Default for ReplayWindow {
    fn default() -> Self {
        Self { newest: 0, seen: vec![0; WORDS].into() }
    }
}

impl ReplayWindow {
    /// Records a counter. Returns false if it came before, or is too old to tell.
    pub(super) fn admit(&mut self, counter: u64) -> bool {
        if counter == 0 || counter.saturating_add(limits::REPLAY_WINDOW) <= self.newest {
            return false;
        }
        if counter > self.newest {
            let passed = (counter - self.newest).min(limits::REPLAY_WINDOW);
            for skipped in counter - passed + 1..=counter {
                let (word, bit) = Self::place(skipped);
                self.seen[word] &= !bit;
            }
            self.newest = counter;
        }
        let (word, bit) = Self::place(counter);
        let is_new = self.seen[word] & bit == 0;
        self.seen[word] |= bit;
        is_new
    }

    fn place(counter: u64) -> (usize, u64) {
        let at = counter % limits::REPLAY_WINDOW;
        (usize::try_from(at / u64::from(u64::BITS)).unwrap_or(0), 1 << (at % u64::from(u64::BITS)))
    }
}

#[cfg(test)]
mod tests {
    use super::ReplayWindow;
    use crate::limits::REPLAY_WINDOW;

    #[test]
    fn each_counter_is_admitted_once_within_the_window() {
        let mut window = ReplayWindow::default();
        for counter in [1, 3, 2, REPLAY_WINDOW + 1, 5 * REPLAY_WINDOW, 5 * REPLAY_WINDOW - 1, 4 * REPLAY_WINDOW + 1] {
            assert!(window.admit(counter), "{counter}");
            assert!(!window.admit(counter), "{counter} again");
        }
        assert!(!window.admit(4 * REPLAY_WINDOW), "too old to tell");
        assert!(!window.admit(0));
        assert!(window.admit(u64::MAX), "a counter far ahead costs little");
        assert!(!window.admit(5 * REPLAY_WINDOW));
    }
}
