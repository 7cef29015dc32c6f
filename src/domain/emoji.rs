//! Emoji: the characters with which users react.

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

use super::FieldError;
use crate::limits;

/// Asks for the coloured form of the character before it. Keyboards leave it out where Unicode has it, and write it where Unicode has none.
const VARIATION_SELECTOR: char = '\u{FE0F}';

/// Unicode's list in the order of the characters without variation selectors. The crate's own table of other forms takes some couples for
/// couples of other skin tones (0.9.1), so only its fully qualified forms are used.
static LIST: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let mut list: Vec<&str> = emojis::iter().flat_map(with_skin_tones).map(emojis::Emoji::as_str).collect();
    list.sort_unstable_by(|one, other| bare(one).cmp(bare(other)));
    list.dedup();
    list
});

/// Returns an emoji and its variants with other skin tones.
fn with_skin_tones(emoji: &'static emojis::Emoji) -> impl Iterator<Item = &'static emojis::Emoji> {
    std::iter::once(emoji).chain(emoji.skin_tones().into_iter().flatten())
}

/// Returns the characters without variation selectors.
fn bare(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|character| *character != VARIATION_SELECTOR)
}

/// An emoji of Unicode's list in its one fully qualified form, with skin tones and joined sequences as characters of their own. Without
/// spaces, quotation marks and backslashes, so that it needs no escaping in JSON.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Emoji(Cow<'static, str>);

impl Emoji {
    /// Parses an emoji, with or without its variation selectors.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let is_short = text.len() <= limits::EMOJI_BYTES_MAX;
        let place = is_short.then(|| LIST.binary_search_by(|known| bare(known).cmp(bare(text))).ok()).flatten();
        let known =
            place.and_then(|place| LIST.get(place)).ok_or_else(|| FieldError::new("emoji", "takes one emoji"))?;
        Ok(Self(Cow::Borrowed(known)))
    }

    /// Takes the emoji of a store. It may be one of a newer list than this version knows.
    pub fn from_trusted(text: String) -> Self {
        Self(Cow::Owned(text))
    }

    /// Returns the characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Emoji {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Emoji, LIST, bare};
    use crate::limits;

    #[test]
    fn every_form_of_an_emoji_is_the_same_emoji() {
        for (forms, expected) in [
            (vec!["\u{2764}", "\u{2764}\u{FE0F}"], "\u{2764}\u{FE0F}"),
            (vec!["\u{1F44D}", "\u{1F44D}\u{FE0F}"], "\u{1F44D}"),
            (vec!["1\u{20E3}", "1\u{FE0F}\u{20E3}"], "1\u{FE0F}\u{20E3}"),
            (
                vec!["\u{1F441}\u{200D}\u{1F5E8}", "\u{1F441}\u{FE0F}\u{200D}\u{1F5E8}\u{FE0F}"],
                "\u{1F441}\u{FE0F}\u{200D}\u{1F5E8}\u{FE0F}",
            ),
            (vec!["\u{1F44D}\u{1F3FD}"], "\u{1F44D}\u{1F3FD}"),
            (vec!["\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}"], "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}"),
            (vec!["\u{1F1E9}\u{1F1EA}"], "\u{1F1E9}\u{1F1EA}"),
        ] {
            for form in forms {
                assert_eq!(Emoji::parse(form).expect(form).as_str(), expected, "{}", form.escape_unicode());
            }
        }
    }

    #[test]
    fn other_texts_are_no_emoji() {
        let long = "\u{1F44D}".to_owned() + &"\u{FE0F}".repeat(100);
        for text in [
            "",
            " ",
            "a",
            "1",
            "#",
            ":+1:",
            "thumbs up",
            "\u{1F44D}\u{1F44D}",
            "\u{1F44D} ",
            "\u{FE0F}",
            "\u{200D}",
            "\u{1F3FD}",
            "\u{2764}\u{FE0E}",
            "a\u{FE0F}",
            "\u{1F1E9}",
            "\u{1F1E9}\u{1F1E9}",
            "\u{1F44D}\u{200D}\u{1F44D}",
            "\0",
            "<b>",
            &long,
        ] {
            assert!(Emoji::parse(text).is_err(), "{}", text.escape_unicode());
        }
    }

    #[test]
    fn an_emoji_is_short_and_needs_no_escaping() {
        for text in LIST.iter() {
            assert!(text.len() <= limits::EMOJI_BYTES_MAX, "{text}: {} bytes", text.len());
            assert!(!text.contains([' ', '"', '\\']) && !text.contains(char::is_control), "{text}");
            assert_eq!(Emoji::parse(text).expect(text).as_str(), *text);
            let plain: String = bare(text).collect();
            assert_eq!(Emoji::parse(&plain).expect(text).as_str(), *text, "without its selectors");
        }
        assert!((3_700..5_000).contains(&LIST.len()), "{}", LIST.len());
        assert!(LIST.windows(2).all(|pair| !bare(pair[0]).eq(bare(pair[1]))), "each has one form");
    }
}
