//! The query of a search for messages.

use std::ops::Range;

use time::{Date, Month};

use super::words::{for_each_word, is_unspaced};
use crate::domain::search::folded;
use crate::domain::{FieldError, Timestamp};
use crate::limits;

/// Microseconds of a day.
const DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// Words that follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// At least one, in the form of the tokenizer.
    pub words: Vec<String>,
    /// True if the last word is the beginning of a word.
    pub is_prefix: bool,
}

/// A query, as its text says. Words and phrases are found anywhere in a message, in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageQuery {
    /// Words and phrases.
    pub terms: Vec<Term>,
    /// `from:`: a username or the id of a user.
    pub from: Option<String>,
    /// `in:`: the name of a group, `@` and a username for the direct conversation with a user, or the id of a conversation.
    pub conversation: Option<String>,
    /// `before:`
    pub before: Option<Timestamp>,
    /// `after:`
    pub after: Option<Timestamp>,
}

/// A part of a query's text.
struct Piece<'a> {
    /// The name of a filter.
    filter: Option<&'static str>,
    text: &'a str,
    /// True if the text stood in quotation marks, of which the last one may be missing.
    is_quoted: bool,
    /// True if the last one is not missing.
    is_closed: bool,
}

impl MessageQuery {
    /// Reads a query. Fails if there is nothing to search for.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        if text.contains('\0') {
            return refuse("must not contain U+0000");
        }
        if text.chars().nth(limits::MESSAGE_QUERY_CHARS_MAX).is_some() {
            return Err(FieldError::new("q", format!("takes at most {} characters", limits::MESSAGE_QUERY_CHARS_MAX)));
        }
        let (mut query, mut last_is_open, mut rest, mut words) = (Self::default(), false, text, 0);
        while let Some(piece) = next_piece(&mut rest) {
            if let Some(filter) = piece.filter {
                query.set(filter, piece.text.trim())?;
            } else if let Some(term) = Term::of(piece.text) {
                words += term.words.len();
                query.terms.push(term);
                last_is_open = !(piece.is_quoted && piece.is_closed);
            }
        }
        if words > limits::SEARCH_TERMS_MAX {
            return Err(FieldError::new("q", format!("takes at most {} words", limits::SEARCH_TERMS_MAX)));
        }
        if query == Self::default() {
            return refuse("has no letter or digit to search for, and no filter");
        }
        if let Some(last) = query.terms.last_mut().filter(|_| last_is_open) {
            last.is_prefix |= last.last_word().chars().nth(limits::SEARCH_PREFIX_CHARS_MIN - 1).is_some();
        }
        Ok(query)
    }

    fn set(&mut self, filter: &'static str, value: &str) -> Result<(), FieldError> {
        if value.is_empty() {
            return Err(FieldError::new("q", format!("`{filter}` needs a value right behind it")));
        }
        let is_new = match filter {
            FROM => self.from.replace(value.to_owned()).is_none(),
            IN => self.conversation.replace(value.to_owned()).is_none(),
            BEFORE => self.before.replace(parse_time(filter, value)?).is_none(),
            _ => self.after.replace(parse_time(filter, value)?).is_none(),
        };
        if is_new { Ok(()) } else { Err(FieldError::new("q", format!("takes `{filter}` once"))) }
    }

    /// Returns the bytes of a text that the terms match, in order and apart from each other. `None` if a term does not match it.
    pub fn ranges(&self, text: &str) -> Option<Vec<Range<usize>>> {
        let mut words: Vec<(String, Range<usize>)> = Vec::new();
        for_each_word(text, |word, range| words.push((word.to_owned(), range)));
        let mut ranges = Vec::new();
        for term in &self.terms {
            let before = ranges.len();
            term.matches(text, &words, &mut ranges);
            if ranges.len() == before {
                return None;
            }
        }
        Some(merged(ranges))
    }
}

impl Term {
    /// Cuts a phrase. Returns `None` if it has no words.
    fn of(text: &str) -> Option<Self> {
        let mut words: Vec<String> = Vec::new();
        for_each_word(text, |word, _| words.push(word.to_owned()));
        let mut term = Self { words, is_prefix: false };
        // A text has the last character of its run as a word too, but here the run may go on.
        if let Some(last) = one_unspaced(term.words.last()?) {
            let pair_before = term.words.len().checked_sub(2).and_then(|index| term.words.get(index));
            if pair_before.is_some_and(|pair| pair.chars().count() == 2 && pair.ends_with(last)) {
                term.words.pop();
            } else {
                term.is_prefix = true;
            }
        }
        Some(term)
    }

    fn last_word(&self) -> &str {
        self.words.last().map(String::as_str).unwrap_or_default()
    }

    /// Returns true if the term is among the words of a text, as an index has them.
    pub fn is_in(&self, words: &[&str]) -> bool {
        words.windows(self.words.len().max(1)).any(|found| self.is_match(found.iter().copied()))
    }

    /// Returns true if words of a text, as many as the term has, are those of the term.
    fn is_match<'a>(&self, found: impl Iterator<Item = &'a str>) -> bool {
        self.words.iter().enumerate().zip(found).all(|((index, word), found)| {
            if self.is_prefix && index + 1 == self.words.len() {
                found.starts_with(word.as_str())
            } else {
                found == word
            }
        })
    }

    /// Adds the ranges of the term's occurrences among the words of a text.
    fn matches(&self, text: &str, words: &[(String, Range<usize>)], ranges: &mut Vec<Range<usize>>) {
        for found in words.windows(self.words.len().max(1)) {
            if self.is_match(found.iter().map(|(word, _)| word.as_str())) {
                let (Some((_, first)), Some((_, last))) = (found.first(), found.last()) else { continue };
                let end = if self.is_prefix { prefix_end(text, last, self.last_word()) } else { last.end };
                ranges.push(first.start..end);
            }
        }
    }
}

/// Returns the character of a word that is one character of a script without spaces.
fn one_unspaced(word: &str) -> Option<char> {
    let mut chars = word.chars();
    chars.next().filter(|character| chars.next().is_none() && is_unspaced(*character))
}

/// Returns the end of the characters of a word that give the prefix, with the accents behind them.
fn prefix_end(text: &str, word: &Range<usize>, prefix: &str) -> usize {
    let (wanted, mut seen, mut end) = (prefix.chars().count(), 0, word.start);
    for character in text[word.clone()].chars() {
        let folded = folded(character.encode_utf8(&mut [0; 4])).count();
        if seen >= wanted && folded > 0 {
            break;
        }
        seen += folded;
        end += character.len_utf8();
    }
    end
}

/// Sorts ranges, and joins those that touch.
fn merged(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_unstable_by_key(|range| (range.start, range.end));
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

const FROM: &str = "from:";
const IN: &str = "in:";
const BEFORE: &str = "before:";
const AFTER: &str = "after:";

fn is_quote(character: char) -> bool {
    matches!(character, '"' | '“' | '”' | '„')
}

/// Cuts the next piece off a query. Returns `None` at the end.
fn next_piece<'a>(rest: &mut &'a str) -> Option<Piece<'a>> {
    let mut text = rest.trim_start();
    let first = text.chars().next()?;
    let filter = [FROM, IN, BEFORE, AFTER]
        .into_iter()
        .find(|name| text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)));
    if let Some(name) = filter {
        text = &text[name.len()..];
    }
    let quote = if filter.is_some() { text.chars().next() } else { Some(first) };
    if let Some(quote) = quote.filter(|quote| is_quote(*quote)) {
        let quoted = &text[quote.len_utf8()..];
        let (inside, behind, is_closed) = match quoted.char_indices().find(|(_, character)| is_quote(*character)) {
            Some((end, closing)) => (&quoted[..end], &quoted[end + closing.len_utf8()..], true),
            None => (quoted, "", false),
        };
        *rest = behind;
        return Some(Piece { filter, text: inside, is_quoted: true, is_closed });
    }
    let end = text.find(|character: char| character.is_whitespace() || is_quote(character)).unwrap_or(text.len());
    *rest = &text[end..];
    Some(Piece { filter, text: &text[..end], is_quoted: false, is_closed: false })
}

/// Reads a day, `2026-11-26`, or a time in UTC, `2026-11-26T15:30:00Z`. A day is the time at which it begins in UTC.
fn parse_time(filter: &str, text: &str) -> Result<Timestamp, FieldError> {
    let refused =
        || FieldError::new("q", format!("`{filter}` takes a day, as 2026-11-26, or a time, as 2026-11-26T15:30:00Z"));
    let (day, time) = text.split_once(['T', 't']).unwrap_or((text, "00:00:00Z"));
    day_start(day).zip(time_of_day(time)).map(|(day, time)| Timestamp(day + time)).ok_or_else(refused)
}

/// Returns the microseconds from 1970 to the start of a day.
fn day_start(text: &str) -> Option<i64> {
    let [year, month, day] = numbers(text, '-', [4, 2, 2])?;
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;
    let epoch = Date::from_ordinal_date(1970, 1).ok()?;
    Some((i64::from(date.to_julian_day()) - i64::from(epoch.to_julian_day())) * DAY)
}

/// Returns the microseconds from midnight to a time of day.
fn time_of_day(text: &str) -> Option<i64> {
    let [hours, minutes, seconds] = numbers(text.strip_suffix(['Z', 'z'])?, ':', [2, 2, 2])?;
    (hours < 24 && minutes < 60 && seconds < 60).then_some(((hours * 60 + minutes) * 60 + seconds) * 1_000_000)
}

/// Reads three numbers that have these numbers of digits.
fn numbers(text: &str, separator: char, digits: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; 3];
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next()?;
        if part.len() != digits || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

fn refuse<T>(detail: &'static str) -> Result<T, FieldError> {
    Err(FieldError::new("q", detail))
}

#[cfg(test)]
#[path = "query_tests.rs"]
mod tests;
