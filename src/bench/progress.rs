//! Shows progress on one line of the terminal. It prints nothing when standard error is not a terminal.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

/// Time between two updates of the line.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);

/// Replaces the line. An empty text clears it.
pub(super) fn show(text: &str) {
    let mut terminal = stderr();
    if terminal.is_terminal() {
        // An error is ignored, because a measurement does not depend on its progress line.
        let _ = write!(terminal, "\r\x1b[K{text}");
        let _ = terminal.flush();
    }
}

/// The progress of a set-up step: how many of `total` are done.
pub(super) struct Progress {
    label: &'static str,
    total: usize,
    shown: Instant,
}

impl Progress {
    pub(super) fn new(label: &'static str, total: usize) -> Self {
        Self { label, total, shown: Instant::now() }
    }

    pub(super) fn update(&mut self, count: usize) {
        if self.shown.elapsed() >= INTERVAL {
            self.shown = Instant::now();
            show(&format!("{}: {count} of {}", self.label, self.total));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        show("");
    }
}
