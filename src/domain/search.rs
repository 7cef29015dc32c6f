//! Finding users: the form in which names are compared, the words of a name, and the words of a query.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

use super::user::User;
use super::visible::is_ignorable;
use super::{FieldError, Result};
use crate::limits;

/// The edition of the rules in this file. Raise it when the words of a name change; then every node recomputes them.
const RULES: i64 = 1;
/// The version of the words that this binary makes. It contains the versions of Unicode that the fold follows, so that an update of the
/// compiler or of a crate recomputes the words by itself. It is never 0.
pub const WORDS_VERSION: i64 =
    (RULES << 48) | (packed(char::UNICODE_VERSION) << 24) | packed(unicode_normalization::UNICODE_VERSION);

pub(super) const fn packed((major, minor, update): (u8, u8, u8)) -> i64 {
    ((major as i64) << 16) | ((minor as i64) << 8) | update as i64
}

/// A mark that is a letter: its upper case is `Ι`.
const IOTA_SUBSCRIPT: char = '\u{345}';

/// Returns the form in which texts are compared: without case, accents, and characters that nobody sees.
///
/// Compatible characters become the same by NFKD. Marks with a combining class are accents, and vowel signs without one are letters, so
/// only the first are dropped. Lower, upper and lower case again is Unicode's full case folding (`ẞ`, `ß` and `SS` are `ss`; `Σ`, `σ` and
/// `ς` are `σ`) and in addition joins `ı` with `i`, as users do who search for either.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    folded(text).collect()
}

/// Returns the characters of [`fold`]. Those of a text are the characters of its parts, one after the other.
pub(super) fn folded(text: &str) -> impl Iterator<Item = char> {
    let is_kept = |character: &char| {
        let is_letter = canonical_combining_class(*character) == 0 || *character == IOTA_SUBSCRIPT;
        is_letter && !is_ignorable(*character)
    };
    text.nfkd()
        .filter(is_kept)
        .flat_map(char::to_lowercase)
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .nfkd()
        .filter(is_kept)
}

/// Returns the words by which a user is found, of their name and username: from each white space, and from each letter or digit behind
/// another character, to the next white space. So "jean-luc" is found by `jean-l` and by `luc`, and "(bob)" by `bob`.
pub fn words(username: &str, name: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for text in [fold(username), fold(name)] {
        for piece in text.split_whitespace() {
            let mut follows_letter = false;
            for (index, character) in piece.char_indices() {
                let is_letter = character.is_alphanumeric();
                if index == 0 || (is_letter && !follows_letter) {
                    words.insert(cut(&piece[index..]));
                }
                follows_letter = is_letter;
            }
        }
    }
    words
}

/// Cuts a word to the length that is stored and compared.
fn cut(word: &str) -> String {
    word.chars().take(limits::USER_WORD_CHARS_MAX).collect()
}

/// The words of a query. A user is found if each of them begins one of the user's words, in any order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// At least one of the two lists has an entry.
    words: Vec<String>,
    /// Written with `@`: they only match the beginning of the username.
    usernames: Vec<String>,
}

impl Query {
    /// Reads a query. Returns `None` if it has no words, which every user matches.
    pub fn parse(text: &str) -> Result<Option<Self>, FieldError> {
        let refuse = |detail: String| Err(FieldError::new("q", detail));
        if text.contains('\0') {
            return refuse("must not contain U+0000".to_owned());
        }
        if text.chars().nth(limits::SEARCH_CHARS_MAX).is_some() {
            return refuse(format!("takes at most {} characters", limits::SEARCH_CHARS_MAX));
        }
        let mut query = Self { words: Vec::new(), usernames: Vec::new() };
        for word in fold(text).split_whitespace() {
            match word.strip_prefix('@') {
                Some("") => {}
                Some(username) => query.usernames.push(username.to_owned()),
                None => query.words.push(cut(word)),
            }
        }
        Ok(Some(query).filter(|query| !query.words.is_empty() || !query.usernames.is_empty()))
    }

    /// Returns the words to look up, those that the fewest users have first: the longer, the fewer.
    pub fn lookups(&self) -> Vec<&str> {
        let mut words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        words.truncate(limits::SEARCH_LOOKUPS_MAX);
        words
    }

    /// Returns the beginning that the username of every match has, or an empty text.
    pub fn username(&self) -> &str {
        self.usernames.iter().map(String::as_str).max_by_key(|username| username.len()).unwrap_or_default()
    }

    /// Returns true if the user matches every word.
    pub fn matches(&self, user: &User) -> bool {
        let key = user.username.key();
        let words = words(&key, user.name.as_str());
        self.usernames.iter().all(|prefix| key.starts_with(prefix.as_str()))
            && self.words.iter().all(|prefix| words.iter().any(|word| word.starts_with(prefix.as_str())))
    }
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
