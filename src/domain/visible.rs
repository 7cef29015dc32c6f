//! Texts that are blank to the eye, and characters that change how the text around a name is shown.

use super::FieldError;

/// The characters of Unicode's property Default_Ignorable_Code_Point. A font shows nothing for them, even if it does not know them. The
/// property has room for future characters, so the list rarely changes.
const DEFAULT_IGNORABLE: [(char, char); 17] = [
    ('\u{AD}', '\u{AD}'),
    ('\u{34F}', '\u{34F}'),
    ('\u{61C}', '\u{61C}'),
    ('\u{115F}', '\u{1160}'),
    ('\u{17B4}', '\u{17B5}'),
    ('\u{180B}', '\u{180F}'),
    ('\u{200B}', '\u{200F}'),
    ('\u{202A}', '\u{202E}'),
    ('\u{2060}', '\u{206F}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{FE00}', '\u{FE0F}'),
    ('\u{FEFF}', '\u{FEFF}'),
    ('\u{FFA0}', '\u{FFA0}'),
    ('\u{FFF0}', '\u{FFF8}'),
    ('\u{1BCA0}', '\u{1BCA3}'),
    ('\u{1D173}', '\u{1D17A}'),
    ('\u{E0000}', '\u{E0FFF}'),
];

/// Characters that have a property of visible characters, and that fonts show as nothing.
const BLANK_BY_DESIGN: [(char, char); 6] = [
    ('\u{2800}', '\u{2800}'),   // a Braille cell without dots
    ('\u{FFF9}', '\u{FFFB}'),   // marks around annotations
    ('\u{13430}', '\u{13440}'), // joiners of hieroglyphs
    ('\u{13441}', '\u{13442}'), // gaps between hieroglyphs
    ('\u{16FE4}', '\u{16FE4}'), // a gap in a Khitan cluster
    ('\u{1D159}', '\u{1D159}'), // a note without a head
];

/// The characters of Unicode's property Bidi_Control. They change the order in which the text around them is shown.
const BIDI_CONTROLS: [(char, char); 4] =
    [('\u{61C}', '\u{61C}'), ('\u{200E}', '\u{200F}'), ('\u{202A}', '\u{202E}'), ('\u{2066}', '\u{2069}')];

/// Returns true if a font shows nothing for the character, wherever it stands.
pub(super) fn is_ignorable(character: char) -> bool {
    is_in(&DEFAULT_IGNORABLE, character)
}

/// Returns true if a reader sees nothing of the text: it is empty, or has only white space and characters that are blank by property or by
/// design. Other control characters are visible: CSS shows them by a glyph.
pub(super) fn is_blank(text: &str) -> bool {
    text.chars()
        .all(|character| character.is_whitespace() || is_ignorable(character) || is_in(&BLANK_BY_DESIGN, character))
}

/// Returns true if the character can change the line or the direction of the text around it: a control character, a line or paragraph
/// separator, or a bidirectional control.
pub fn affects_surroundings(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') || is_in(&BIDI_CONTROLS, character)
}

/// Returns a name without the white space around it. Refuses one with more than `chars_max` characters, for the reason `too_long`, and one that is
/// not shown as a name.
pub(super) fn checked_name(name: &str, chars_max: usize, too_long: &'static str) -> Result<String, FieldError> {
    let name = name.trim();
    let refuse = |detail: &'static str| Err(FieldError::new("name", detail));
    if name.chars().take(chars_max + 1).count() > chars_max {
        refuse(too_long)
    } else if is_blank(name) {
        refuse("must not be blank")
    } else if name.chars().any(affects_surroundings) {
        refuse("must not contain control characters, line separators or marks that change the direction of text")
    } else {
        Ok(name.to_owned())
    }
}

fn is_in(ranges: &[(char, char)], character: char) -> bool {
    ranges.iter().any(|(first, last)| (first..=last).contains(&&character))
}

#[cfg(test)]
mod tests {
    use super::{affects_surroundings, is_blank};

    #[test]
    fn what_nobody_sees_is_blank() {
        for blank in [
            "",
            " ",
            "\t\r\n",
            "\u{85}",
            "\u{A0}",
            "\u{AD}",
            "\u{34F}",
            "\u{61C}",
            "\u{115F}\u{1160}",
            "\u{17B4}",
            "\u{180E}",
            "\u{2003}",
            "\u{200B}",
            "\u{200D}",
            "\u{2028}",
            "\u{202E}",
            "\u{2060}",
            "\u{2800}",
            "\u{3000}",
            "\u{3164}",
            "\u{FE0F}",
            "\u{FEFF}",
            "\u{FFA0}",
            "\u{FFF9}\u{FFFB}",
            "\u{13430}",
            "\u{13441}",
            "\u{16FE4}",
            "\u{1D159}",
            "\u{1D173}",
            "\u{E0001}\u{E0041}\u{E007F}",
            " \u{200B}\u{3164}\u{2800}\u{AD} ",
        ] {
            assert!(is_blank(blank), "{blank:?}");
        }
    }

    #[test]
    fn what_somebody_sees_is_not_blank() {
        for visible in [
            "a",
            " a ",
            ".",
            "_",
            "\u{200B}a",
            "👩‍🚀",
            "❤️",
            "\u{301}",
            "\u{1}",
            "\u{600}",
            "\u{1680}x",
            "林",
            "\u{2801}",
            "\u{FFFD}",
            "\u{E000}",
        ] {
            assert!(!is_blank(visible), "{visible:?}");
        }
    }

    #[test]
    fn names_stay_in_their_line_and_direction() {
        for unfit in ['\0', '\n', '\r', '\u{7F}', '\u{85}', '\u{61C}', '\u{200E}', '\u{200F}', '\u{202A}', '\u{202E}'] {
            assert!(affects_surroundings(unfit), "{unfit:?}");
        }
        for unfit in ['\u{2028}', '\u{2029}', '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}'] {
            assert!(affects_surroundings(unfit), "{unfit:?}");
        }
        // Emoji and Persian need the joiners, and Hebrew and Arabic letters have their direction by themselves.
        for fit in ['a', ' ', '\u{A0}', '\u{200C}', '\u{200D}', '\u{FE0F}', 'א', 'ع', '\u{301}'] {
            assert!(!affects_surroundings(fit), "{fit:?}");
        }
    }
}
