//! What is going on, on one line of a terminal that is written again and again; nothing where there is no terminal.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

/// Between two times that the line is written.
pub(super) const EVERY: Duration = Duration::from_secs(1);

/// Writes the line anew; an empty text takes it away.
pub(super) fn line(text: &str) {
    let mut terminal = stderr();
    if terminal.is_terminal() {
        // Nothing is lost with a line that could not be shown.
        let _ = write!(terminal, "\r\x1b[K{text}");
        let _ = terminal.flush();
    }
}

/// So many of so many.
pub(super) struct Progress {
    what: &'static str,
    of: usize,
    shown: Instant,
}

impl Progress {
    pub(super) fn new(what: &'static str, of: usize) -> Self {
        Self { what, of, shown: Instant::now() }
    }

    pub(super) fn done(&mut self, count: usize) {
        if self.shown.elapsed() >= EVERY {
            self.shown = Instant::now();
            line(&format!("{}: {count} of {}", self.what, self.of));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        line("");
    }
}
