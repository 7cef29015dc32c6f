//! The tokenizer: cuts a text into words.
//!
//! A word is a run of letters and digits in the form of [`fold`](crate::domain::search::fold). A script that is written without spaces gives
//! each pair of neighbouring characters, and the last character of a run alone. So each of its characters begins a word, and a text of
//! several of them is found as a phrase of pairs.

use std::collections::HashMap;
use std::ops::Range;

use crate::domain::search::{folded, packed};
use crate::limits;

/// The edition of the rules in this file. Raise it when the words of a text change; then every node builds a new index.
const RULES: i64 = 1;
/// The version of the words that this binary makes. It contains the versions of Unicode that the tokenizer follows, so that an update of the
/// compiler or of a crate builds a new index by itself.
pub const WORDS_VERSION: i64 =
    (RULES << 48) | (packed(char::UNICODE_VERSION) << 24) | packed(unicode_normalization::UNICODE_VERSION);

/// Stands in an index for an occurrence of a word that has too many. No text has this word, because its character is no letter.
const OMITTED: &str = "\u{E002}";

/// The characters of scripts that are written without spaces: Thai, Lao, Myanmar, Khmer, Kana, Bopomofo and Han. NFKD turns others of
/// these scripts into them.
const UNSPACED: [(char, char); 12] = [
    ('\u{E01}', '\u{EDF}'),
    ('\u{1000}', '\u{109F}'),
    ('\u{1780}', '\u{17DF}'),
    ('\u{2E80}', '\u{2FD5}'),
    ('\u{3005}', '\u{3007}'),
    ('\u{3021}', '\u{3029}'),
    ('\u{3031}', '\u{3035}'),
    ('\u{3041}', '\u{312F}'),
    ('\u{31A0}', '\u{31FF}'),
    ('\u{3400}', '\u{9FFF}'),
    ('\u{F900}', '\u{FAFF}'),
    ('\u{20000}', '\u{3FFFF}'),
];

/// Returns true for a letter of a script that is written without spaces.
pub(super) fn is_unspaced(character: char) -> bool {
    character >= UNSPACED[0].0
        && UNSPACED.iter().any(|(first, last)| (first..=last).contains(&&character))
        && character.is_alphanumeric()
}

/// Calls `visit` with each word of a text, in their order, and with the bytes of the text that it was made of.
pub(super) fn for_each_word(text: &str, visit: impl FnMut(&str, Range<usize>)) {
    let mut cutter = Cutter { word: String::new(), chars: 0, range: 0..0, last: None, visit };
    for (start, character) in text.char_indices() {
        let end = start + character.len_utf8();
        if character.is_ascii() {
            cutter.push(character.to_ascii_lowercase(), start..end);
            continue;
        }
        let mut is_kept = false;
        for folded in folded(character.encode_utf8(&mut [0; 4])) {
            is_kept = true;
            cutter.push(folded, start..end);
        }
        if !is_kept {
            cutter.extend(end);
        }
    }
    cutter.end();
}

/// Collects the word that it is in.
struct Cutter<F> {
    /// Empty between words.
    word: String,
    /// The length of `word` in characters.
    chars: usize,
    range: Range<usize>,
    /// The last character of a run without spaces, and its bytes.
    last: Option<(char, Range<usize>)>,
    visit: F,
}

impl<F: FnMut(&str, Range<usize>)> Cutter<F> {
    fn push(&mut self, character: char, range: Range<usize>) {
        if !character.is_alphanumeric() {
            return self.end();
        }
        if is_unspaced(character) {
            self.end_word();
            if let Some((last, last_range)) = self.last.replace((character, range.clone())) {
                let pair = String::from_iter([last, character]);
                (self.visit)(&pair, last_range.start..range.end);
            }
            return;
        }
        self.end_run();
        if self.chars == 0 {
            self.range.start = range.start;
        }
        self.range.end = range.end;
        if self.chars < limits::SEARCH_WORD_CHARS_MAX {
            self.word.push(character);
            self.chars += 1;
        }
    }

    /// A character of which nothing is left, such as an accent, belongs to the letter before it.
    fn extend(&mut self, end: usize) {
        if let Some((_, range)) = &mut self.last {
            range.end = end;
        } else if self.chars > 0 {
            self.range.end = end;
        }
    }

    fn end(&mut self) {
        self.end_word();
        self.end_run();
    }

    fn end_word(&mut self) {
        if self.chars > 0 {
            (self.visit)(&self.word, self.range.clone());
            self.word.clear();
            self.chars = 0;
        }
    }

    fn end_run(&mut self) {
        if let Some((last, range)) = self.last.take() {
            (self.visit)(last.encode_utf8(&mut [0; 4]), range);
        }
    }
}

/// Returns the words of a text as an index takes them: in their order, separated by spaces.
pub(super) fn indexed_words(text: &str) -> String {
    let (mut words, mut count) = (String::with_capacity(text.len()), 0);
    for_each_word(text, |word, _| {
        if count < limits::SEARCH_WORDS_MAX {
            if count > 0 {
                words.push(' ');
            }
            words.push_str(word);
            count += 1;
        }
    });
    if count > limits::SEARCH_OCCURRENCES_MAX { without_frequent(&words) } else { words }
}

/// Omits the occurrences of each word beyond the first [`limits::SEARCH_OCCURRENCES_MAX`]. Other words keep their places.
fn without_frequent(words: &str) -> String {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let kept = words.split(' ').map(|word| {
        let count = counts.entry(word).or_default();
        *count += 1;
        if *count > limits::SEARCH_OCCURRENCES_MAX { OMITTED } else { word }
    });
    let kept: Vec<&str> = kept.collect();
    kept.join(" ")
}

/// Returns true for a word that stands for an occurrence that an index omits.
pub(super) fn is_omitted(word: &str) -> bool {
    word == OMITTED
}

#[cfg(test)]
#[path = "words_tests.rs"]
mod tests;
