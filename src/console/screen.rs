//! The client prints text for people, and JSON for programs.

use std::cell::Cell;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write, stdout};

use serde_json::{Value, json};
use unicode_width::UnicodeWidthChar;

use crate::domain::affects_surroundings;

/// Columns of a terminal that does not say how many it has.
const COLUMNS: usize = 80;
/// Columns below which a line is not broken any further.
const COLUMNS_MIN: usize = 20;

/// Standard output.
pub(super) struct Screen {
    pub(super) is_json: bool,
    /// Columns of the terminal. `None` if the output is no terminal: then a program breaks lines as it likes.
    columns: Option<usize>,
    /// Nobody reads the output any more.
    is_closed: Cell<bool>,
}

impl Screen {
    pub(super) fn new(is_json: bool) -> Self {
        let columns = stdout().is_terminal().then(|| {
            let size = rustix::termios::tcgetwinsize(stdout()).map_or(0, |size| usize::from(size.ws_col));
            if size == 0 { COLUMNS } else { size.max(COLUMNS_MIN) }
        });
        Self { is_json, columns, is_closed: Cell::new(false) }
    }

    /// Prints text for people.
    pub(super) fn say(&self, text: &str) {
        if !self.is_json {
            for line in text.lines() {
                self.paragraph("", line);
            }
        }
    }

    /// Prints text that comes after a prefix, and breaks its lines below the prefix's end.
    pub(super) fn paragraph(&self, prefix: &str, text: &str) {
        if self.is_json {
            return;
        }
        let (prefix, text) = (harmless(prefix), harmless(text));
        let indent = " ".repeat(width(&prefix).min(COLUMNS_MIN / 2));
        let mut first = true;
        for line in text.split('\n') {
            let parts = match self.columns {
                Some(columns) => wrap(line, columns.saturating_sub(width(&prefix)).max(COLUMNS_MIN / 2)),
                None => vec![line.to_owned()],
            };
            for part in parts {
                self.print(&format!("{}{part}", if first { &prefix } else { &indent }));
                first = false;
            }
        }
    }

    /// Prints a frame of the server for programs.
    pub(super) fn frame(&self, text: &str) {
        if self.is_json {
            self.print(&escaped(text));
        }
    }

    /// Tells of the connection or of an error: to people on standard error, to programs as an object.
    pub(super) fn tell(&self, kind: &str, words: &str, mut details: Value) {
        if self.is_json {
            details["type"] = json!(kind);
            details["detail"] = json!(words);
            self.print(&escaped(&details.to_string()));
        } else {
            eprintln!("{}", harmless(words));
        }
    }

    /// Returns true if a line could not be written, because the reader of a pipe has gone.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.get()
    }

    fn print(&self, line: &str) {
        let mut output = stdout().lock();
        if writeln!(output, "{line}").and_then(|()| output.flush()).is_err() {
            self.is_closed.set(true);
        }
    }
}

/// Replaces what would act on the terminal instead of being shown: control characters, which begin its escape sequences, and marks that change
/// the direction of other text. Lines and tabs stay.
fn harmless(text: &str) -> String {
    let replace = |character: char| match character {
        '\n' => '\n',
        '\t' => ' ',
        character if affects_surroundings(character) => char::REPLACEMENT_CHARACTER,
        character => character,
    };
    text.chars().map(replace).collect()
}

/// Writes what would act on a terminal as JSON's escapes, which stay the same JSON.
fn escaped(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if affects_surroundings(character) {
            // Writing to a string does not fail.
            let _ = write!(escaped, "\\u{:04x}", u32::from(character));
        } else {
            escaped.push(character);
        }
    }
    escaped
}

fn width(text: &str) -> usize {
    text.chars().map(|character| character.width().unwrap_or(0)).sum()
}

/// Breaks a line at spaces so that no part is wider than `columns`, or within a word that is wider by itself.
fn wrap(line: &str, columns: usize) -> Vec<String> {
    let mut parts = Vec::new();
    let (mut part, mut used) = (String::new(), 0);
    for (index, word) in line.split(' ').enumerate() {
        if index > 0 && used + 1 + width(word) > columns && used > 0 {
            parts.push(std::mem::take(&mut part));
            used = 0;
        } else if index > 0 {
            part.push(' ');
            used += 1;
        }
        for character in word.chars() {
            let columns_of_it = character.width().unwrap_or(0);
            if used + columns_of_it > columns {
                parts.push(std::mem::take(&mut part));
                used = 0;
            }
            part.push(character);
            used += columns_of_it;
        }
    }
    parts.push(part);
    parts
}

#[cfg(test)]
mod tests {
    use super::{escaped, harmless, wrap};

    #[test]
    fn lines_break_at_words_and_by_the_width_that_is_shown() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("日本語です", 4), ["日本", "語で", "す"], "each takes two columns");
        assert_eq!(wrap("", 5), [""]);
        assert_eq!(wrap("a  b", 80), ["a  b"]);
    }

    #[test]
    fn json_cannot_act_on_the_terminal() {
        let json = "{\"content\":\"a\u{9b}2J\u{202e}b\u{7f}é\"}";
        assert_eq!(escaped(json), "{\"content\":\"a\\u009b2J\\u202eb\\u007fé\"}");
    }

    #[test]
    fn a_text_cannot_act_on_the_terminal() {
        assert_eq!(harmless("a\u{1b}[2Jb\u{7}\u{202e}c\td\ne\u{9b}"), "a\u{fffd}[2Jb\u{fffd}\u{fffd}c d\ne\u{fffd}");
    }
}
