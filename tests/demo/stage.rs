//! The output of the demo: a line for each request, with its result.

use std::io::Write;
use std::time::Instant;

/// The widths of the columns for the user and for the request.
const WHO: usize = 6;
const ASKED: usize = 58;

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";

/// The output, and the results so far.
pub(crate) struct Stage<W> {
    out: W,
    colours: bool,
    steps: usize,
    wrong: usize,
    began: Instant,
}

impl<W: Write> Stage<W> {
    pub(crate) fn new(out: W, colours: bool) -> Self {
        Self { out, colours, steps: 0, wrong: 0, began: Instant::now() }
    }

    pub(crate) fn all_is_well(&self) -> bool {
        self.steps > 0 && self.wrong == 0
    }

    /// Writes a line.
    pub(crate) fn write_line(&mut self, line: &str) {
        // The reader of the output may have closed it. The exit code still has the result.
        let _ = writeln!(self.out, "{line}");
    }

    /// Begins a new part.
    pub(crate) fn scene(&mut self, title: &str) {
        let title = self.paint(BOLD, title);
        self.write_line(&format!("\n{title}"));
    }

    /// Writes a user's request, its result, and whether the result is correct.
    pub(crate) fn step(&mut self, who: &str, asked: &str, came: &str, right: bool) {
        self.steps += 1;
        self.wrong += usize::from(!right);
        let asked = shortened(asked);
        let came = shortened(came);
        let (first, rest) = came.split_once("  ").unwrap_or((&came, ""));
        let first = self.paint(if right { GREEN } else { RED }, &format!("{first:<4}"));
        let wrong = if right { "" } else { "  <- not as it should be" };
        let gap = self.paint(DIM, &".".repeat(ASKED.saturating_sub(asked.chars().count() + 1)));
        self.write_line(format!("  {who:<WHO$} {asked} {gap} {first} {rest}{wrong}").trim_end());
    }

    /// Writes the summary.
    pub(crate) fn end(&mut self) {
        let seconds = self.began.elapsed().as_secs_f64();
        let summary = match self.wrong {
            0 => self.paint(GREEN, &format!("All {} steps went as they should, in {seconds:.1} s.", self.steps)),
            wrong => self.paint(RED, &format!("{wrong} of {} steps did not go as they should.", self.steps)),
        };
        self.write_line(&format!("\n{summary}"));
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.colours { format!("{colour}{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Shortens each id in the text to its last six digits, by which readers can tell ids apart.
fn shortened(text: &str) -> String {
    const ID: usize = 36;
    let is_id = |part: &str| {
        part.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
    };
    let mut short = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        if let Some(id) = rest.get(..ID).filter(|part| is_id(part)) {
            short.push('…');
            short.push_str(&id[ID - 6..]);
            rest = &rest[ID..];
        } else {
            short.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    short
}
