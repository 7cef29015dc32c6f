//! Tests of the tokenizer.

use proptest::prelude::{any, proptest};

use super::{OMITTED, for_each_word, indexed_words};
use crate::domain::search::fold;
use crate::limits;

/// Returns the words of a text, each with the part of the text that it was made of.
fn words(text: &str) -> Vec<(String, &str)> {
    let mut words = Vec::new();
    for_each_word(text, |word, range| words.push((word.to_owned(), &text[range])));
    words
}

#[test]
fn words_are_runs_of_folded_letters_and_digits() {
    for (text, expected) in [
        ("Hello, wörld!", &[("hello", "Hello"), ("world", "wörld")][..]),
        (
            "snake_case isn't X-ray",
            &[("snake", "snake"), ("case", "case"), ("isn", "isn"), ("t", "t"), ("x", "X"), ("ray", "ray")],
        ),
        ("E\u{301}lodie\u{301} 42", &[("elodie", "E\u{301}lodie\u{301}"), ("42", "42")]),
        ("STRASSE Straße", &[("strasse", "STRASSE"), ("strasse", "Straße")]),
        ("в Й", &[("в", "в"), ("и", "Й")]),
        ("… 👩‍🚀 ?!", &[]),
        ("林徽因", &[("林徽", "林徽"), ("徽因", "徽因"), ("因", "因")]),
        ("林 Rust語x", &[("林", "林"), ("rust", "Rust"), ("語", "語"), ("x", "x")]),
        ("がこ", &[("かこ", "がこ"), ("こ", "こ")]),
        ("か\u{3099}こ", &[("かこ", "か\u{3099}こ"), ("こ", "こ")]),
        ("ｱｲ", &[("アイ", "ｱｲ"), ("イ", "ｲ")]),
        ("ไทย", &[("ไท", "ไท"), ("ทย", "ทย"), ("ย", "ย")]),
        ("김치 맛", &[("김치", "김치"), ("맛", "맛")]),
    ] {
        let expected: Vec<(String, &str)> = expected.iter().map(|(word, part)| (fold(word), *part)).collect();
        assert_eq!(words(text), expected, "{text}");
    }
    let long = "x".repeat(limits::SEARCH_WORD_CHARS_MAX + 1);
    assert_eq!(words(&long), [("x".repeat(limits::SEARCH_WORD_CHARS_MAX), long.as_str())]);
}

#[test]
fn an_index_gets_a_bounded_number_of_words_and_occurrences() {
    assert_eq!(indexed_words("Ada, ada & Grace"), "ada ada grace");
    let many: Vec<String> = (0..limits::SEARCH_WORDS_MAX + 5).map(|number| format!("w{number}")).collect();
    assert_eq!(indexed_words(&many.join(" ")).split(' ').count(), limits::SEARCH_WORDS_MAX);
    let frequent = "a ".repeat(limits::SEARCH_OCCURRENCES_MAX + 2) + "b";
    let expected = "a ".repeat(limits::SEARCH_OCCURRENCES_MAX) + OMITTED + " " + OMITTED + " b";
    assert_eq!(indexed_words(&frequent), expected);
    // The largest expansion of a text by its fold.
    let expanded = indexed_words(&"\u{FDFA}".repeat(limits::CONTENT_BYTES_MAX / 3));
    assert_eq!(expanded.split(' ').count(), limits::SEARCH_WORDS_MAX);
    assert!(words(OMITTED).is_empty(), "no text has the word that stands for what is omitted");
}

proptest! {
    #[test]
    fn the_fold_of_a_text_is_that_of_its_characters(text in any::<String>()) {
        let by_characters: String = text.chars().map(|character| fold(character.encode_utf8(&mut [0; 4]))).collect();
        assert_eq!(fold(&text), by_characters);
        for (word, part) in words(&text) {
            assert!(!word.is_empty() && fold(part).contains(&word), "{word:?} {part:?}");
        }
    }
}
