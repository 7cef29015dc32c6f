//! Mentions: the users whom a text names by `@` and their username.

use std::collections::HashSet;
use std::fmt::Write;
use std::ops::Range;

use super::UserId;
use super::user::{USERNAME_CHARS, case_fold, is_username_byte};
use crate::limits;

/// The name that mentions all members of a group. No new user gets it as a username.
pub const ALL: &str = "all";

/// The users whom a message mentions. Most messages mention nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mentions {
    /// Each once, in the order of the text.
    pub user_ids: Vec<UserId>,
    /// True if the message mentions all members of its group.
    pub all: bool,
}

impl Mentions {
    /// Reads what [`Mentions::stored`] wrote. Skips what it cannot read.
    pub fn from_trusted(text: &str) -> Self {
        Self {
            user_ids: text.split(' ').filter_map(UserId::parse).collect(),
            all: text.split(' ').any(|word| word == ALL),
        }
    }

    /// Returns the text that stores keep beside the message: ids and [`ALL`], separated by spaces. `None` if there are none.
    pub fn stored(&self) -> Option<String> {
        let mut text = String::from(if self.all { ALL } else { "" });
        for id in &self.user_ids {
            let space = if text.is_empty() { "" } else { " " };
            // Writing to a string does not fail.
            let _ = write!(text, "{space}{id}");
        }
        (!text.is_empty()).then_some(text)
    }

    /// Returns true if there are none.
    pub fn is_empty(&self) -> bool {
        self.user_ids.is_empty() && !self.all
    }

    /// Returns those that are not among `others`.
    #[must_use]
    pub fn without(&self, others: &Self) -> Self {
        let user_ids = self.user_ids.iter().filter(|id| !others.user_ids.contains(id)).copied().collect();
        Self { user_ids, all: self.all && !others.all }
    }
}

/// The names behind the `@` of a text. Whether they are usernames is for the rules to decide, under the lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MentionedNames {
    /// For each `@`, in the order of the text, the folded usernames that may be meant, the longest first.
    names: Vec<Vec<String>>,
}

impl MentionedNames {
    /// Reads a text. Most texts have no `@`, and are only searched for one.
    ///
    /// A name begins behind an `@` that is not inside a word, an address or code. It may end before any dot, hyphen or underscore, because
    /// usernames have them and sentences end with them. The first [`limits::MENTION_NAMES_MAX`] different names are read.
    pub fn of(text: &str) -> Self {
        let mut found = Self::default();
        if !text.contains('@') {
            return found;
        }
        let (code, mut distinct) = (code_ranges(text), HashSet::new());
        for (at, _) in text.match_indices('@') {
            let is_code = code.get(code.partition_point(|range| range.end <= at)).is_some_and(|range| range.start < at);
            if is_code || text[..at].ends_with(is_before_address) {
                continue;
            }
            let names = names_in(&text[at + 1..]);
            distinct.extend(names.iter().cloned());
            if distinct.len() > limits::MENTION_NAMES_MAX {
                break;
            }
            if !names.is_empty() {
                found.names.push(names);
            }
        }
        found
    }

    /// Returns true if there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Returns for each `@` the folded usernames that may be meant, the longest first.
    pub fn names(&self) -> &[Vec<String>] {
        &self.names
    }

    /// Returns the folded usernames to look up, each once.
    pub fn usernames(&self) -> HashSet<&str> {
        self.names.iter().flatten().map(String::as_str).filter(|name| *name != ALL).collect()
    }

    /// Returns true if [`ALL`] is among them.
    pub fn has_all(&self) -> bool {
        self.names.iter().flatten().any(|name| name == ALL)
    }
}

/// Returns true for a character before an `@` that is not the beginning of a mention, as in `ada@example.org` and `https://example.org/@ada`.
fn is_before_address(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '.' | '-' | '+' | '@' | '/')
}

/// Returns the folded usernames with which the text behind an `@` may begin, the longest first.
fn names_in(text: &str) -> Vec<String> {
    let run = text.bytes().take_while(|byte| is_username_byte(*byte)).count();
    let ends_word = |length: &usize| !text[*length..].starts_with(char::is_alphanumeric);
    if text[run..].starts_with('@') {
        return Vec::new();
    }
    let lengths = (*USERNAME_CHARS.start()..=run.min(*USERNAME_CHARS.end())).rev();
    lengths.filter(ends_word).map(|length| case_fold(&text[..length])).collect()
}

/// Returns the parts of a text that are code: from a run of backticks to the next run of as many. A run without another one is text.
fn code_ranges(text: &str) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (at, _) in text.match_indices('`') {
        match runs.last_mut() {
            Some(run) if run.end == at => run.end += 1,
            _ => runs.push(at..at + 1),
        }
    }
    let (mut ranges, mut rest) = (Vec::new(), runs.as_slice());
    while let [first, others @ ..] = rest {
        rest = others;
        if let Some(index) = others.iter().position(|other| other.len() == first.len()) {
            ranges.push(first.start..others[index].end);
            rest = &others[index + 1..];
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::{MentionedNames, Mentions};
    use crate::domain::UserId;
    use crate::limits;

    fn names(text: &str) -> Vec<String> {
        MentionedNames::of(text).names().iter().map(|names| names.join(" ")).collect()
    }

    #[test]
    fn a_name_begins_outside_words_and_addresses() {
        for (text, expected) in [
            ("@ada", "ada"),
            ("hello @ADA, and you", "ada"),
            ("(@ada)", "ada"),
            ("\u{1F44B}@ada\u{1F44B}", "ada"),
            ("„@ada“", "ada"),
            ("cc:@ada", "ada"),
            ("\n@ada\n", "ada"),
        ] {
            assert_eq!(names(text), [expected], "{text}");
        }
        for text in [
            "ada@example.org",
            "é@ada",
            "a.b@ada",
            "x_@ada",
            "a+b@ada",
            "a-@ada",
            "@@ada",
            "@ada@example.org",
            "https://example.org/@ada",
            "@",
            "@ ada",
            "@a",
            "@é",
            "@adaé",
            "@ada\u{661}",
            "no at all",
        ] {
            assert_eq!(names(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn a_name_may_end_before_punctuation() {
        assert_eq!(names("@ada."), ["ada. ada"]);
        assert_eq!(names("_@ada_ or @ada-lovelace"), ["ada-lovelace ada"], "the first one is behind an underscore");
        assert_eq!(names("*@ada_*"), ["ada_ ada"]);
        assert_eq!(names("@a.b..c"), ["a.b..c a.b. a.b"]);
        assert_eq!(names("@ada's @ada/@bob"), ["ada", "ada"]);
        let long = "x".repeat(32);
        assert_eq!(names(&format!("@{long}")), [long.as_str()]);
        assert_eq!(names(&format!("@{long}y")), Vec::<String>::new(), "no username is as long");
        assert_eq!(names(&format!("@{long}.y")), [long.as_str()]);
    }

    #[test]
    fn code_mentions_nobody() {
        for text in ["`@ada`", "``@ada ` x``", "```\n@ada\n```", "a `b` ``@ada`` c", "`a` `@ada`"] {
            assert_eq!(names(text), Vec::<String>::new(), "{text}");
        }
        for text in ["`a` @ada `b`", "` @ada", "`` @ada `", "```\n``` @ada"] {
            assert_eq!(names(text), ["ada"], "{text}");
        }
    }

    #[test]
    fn the_names_of_a_text_are_bounded() {
        let text = (0..1_000).map(|number| format!("@user{number} @user{number}. ")).collect::<Vec<_>>().concat();
        let found = MentionedNames::of(&text);
        assert_eq!(found.usernames().len(), limits::MENTION_NAMES_MAX);
        assert!(!found.has_all());
        let twice = MentionedNames::of(&"@ada @ALL ".repeat(1_000));
        assert_eq!((twice.usernames().len(), twice.has_all(), twice.names().len()), (1, true, 2_000));
        assert!(MentionedNames::of(&"`".repeat(limits::CONTENT_BYTES_MAX - 1).replacen('`', "@", 1)).is_empty());
    }

    #[test]
    fn mentions_round_trip_through_a_store() {
        let (one, other) = (UserId::new(), UserId::new());
        let mentions = |user_ids: &[UserId], all| Mentions { user_ids: user_ids.to_vec(), all };
        for kept in [mentions(&[], false), mentions(&[one], false), mentions(&[one, other], true), mentions(&[], true)]
        {
            assert_eq!(kept.is_empty(), kept.stored().is_none());
            assert_eq!(Mentions::from_trusted(kept.stored().as_deref().unwrap_or_default()), kept);
        }
        let both = mentions(&[one, other], true);
        assert_eq!(both.without(&mentions(&[other], false)), mentions(&[one], true));
        assert!(both.without(&both).is_empty());
    }
}
