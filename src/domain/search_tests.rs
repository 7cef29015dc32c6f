//! Tests of the fold, and of the words of names and queries.

use super::{Query, WORDS_VERSION, fold, words};
use crate::domain::user::{Name, User, Username};
use crate::domain::{Timestamp, UserId};
use crate::limits;

/// A folded form, and texts that have it.
const FORMS: &[(&str, &[&str])] = &[
    ("ada", &["ada", "Ada", "ADA", "ádà", "A\u{301}da", "Ａｄａ", "a\u{200B}d\u{AD}a", "𝒜𝒹𝒶"]),
    ("οδυσσεασ", &["ΟΔΥΣΣΕΑΣ", "Οδυσσέας", "οδυσσεας", "ὀδυσσέας"]),
    ("istanbul", &["istanbul", "Istanbul", "İstanbul", "ISTANBUL", "ıstanbul", "I\u{307}stanbul"]),
    ("strasse", &["STRASSE", "Straße", "STRAẞE", "straſſe"]),
    ("elodie", &["elodie", "Élodie", "E\u{301}lodie", "ÉLODIE"]),
    ("τωι", &["τῷ", "ΤΩΙ"]),
    ("ffi", &["ﬃ", "FFI", "ﬀI"]),
    ("dz", &["ǆ", "ǅ", "Ǆ", "dž", "DZ"]),
    ("иосиф", &["ИОСИФ", "Иосиф", "Йосиф"]),
    ("ꭰꮃ", &["ᎠᎳ", "ꭰꮃ"]),
    ("θ", &["ϴ", "ϑ", "Θ", "θ"]),
    ("k", &["K", "\u{212A}"]),
    ("かこ", &["がこ", "か\u{3099}こ"]),
    ("שלום", &["שָׁלוֹם", "שלום"]),
    ("محمد", &["مُحَمَّد", "محمد"]),
    ("👩🚀 ❤", &["👩\u{200D}🚀 ❤\u{FE0F}", "👩🚀 ❤"]),
    ("łukasz", &["Łukasz", "ŁUKASZ"]),
    ("", &["", "\u{301}", "\u{3164}", "\u{200B}\u{AD}"]),
];

#[test]
fn texts_that_users_take_for_the_same_have_one_form() {
    for (form, texts) in FORMS {
        for text in *texts {
            assert_eq!(fold(text), *form, "{text:?}");
        }
    }
    // Syllables are compared letter by letter, so that what an input method has put together so far finds them.
    assert!(fold("김").starts_with(&fold("기")));
    // Vowel signs are letters and not accents.
    assert_ne!(fold("कि"), fold("कु"));
}

#[test]
fn the_fold_of_every_character_is_stable() {
    for character in '\0'..=char::MAX {
        let folded = fold(character.encode_utf8(&mut [0; 4]));
        assert_eq!(fold(&folded), folded, "{character:?}");
        for other in [character.to_lowercase().collect::<String>(), character.to_uppercase().collect()] {
            assert_eq!(fold(&other), folded, "{character:?} and {other:?}");
        }
    }
    const { assert!(WORDS_VERSION > 0, "0 means that a user has no words") };
}

#[test]
fn a_name_has_words_where_users_look_for_them() {
    for (username, name, expected) in [
        ("grace", "Grace Hopper", &["grace", "hopper"][..]),
        ("Ada.L", "Lovelace, Ada", &["ada", "ada.l", "l", "lovelace,"]),
        ("jl", "Jean-Luc (Bob) O'Brien", &["(bob)", "bob)", "brien", "jean-luc", "jl", "luc", "o'brien"]),
        ("b_b", "50%  more", &["50%", "b", "b_b", "more"]),
        ("lin", "林徽因", &["lin", "林徽因"]),
        ("x1", "\u{200B}Élodie\u{3000}👩‍🚀", &["elodie", "x1", "👩🚀"]),
    ] {
        assert_eq!(words(username, name).into_iter().collect::<Vec<_>>(), expected, "{name}");
    }
    // The longest name, and one whose characters have the longest folded forms.
    for name in ["a ".repeat(32), "a-".repeat(32), "\u{FDFA}".repeat(64), "\u{3316}".repeat(64)] {
        let words = words(&"a-".repeat(16), &name);
        assert!(words.len() <= 64 * 4, "{}", words.len());
        assert!(words.iter().all(|word| (1..=limits::USER_WORD_CHARS_MAX).contains(&word.chars().count())));
    }
}

fn user(username: &str, name: &str) -> User {
    User {
        id: UserId::new(),
        username: Username::from_trusted(username.to_owned()),
        name: Name::from_trusted(name.to_owned()),
        created_at: Timestamp(0),
        last_seen_at: None,
    }
}

#[test]
fn a_user_matches_every_word_of_a_query_in_any_order() {
    let grace = user("Amazing", "Grace Brewster-Murray Hopper");
    for q in ["hop", "HOPPER", "grace hop", "hop grace", "murray", "brewster-m", "amaz", "@amazing", "@AMA hop", "g g"]
    {
        let query = Query::parse(q).expect("a query").expect("words");
        assert!(query.matches(&grace), "{q}");
    }
    for q in ["opper", "grace x", "@grace", "@hopper", "@amazing x", "@x hopper", "murray-b"] {
        let query = Query::parse(q).expect("a query").expect("words");
        assert!(!query.matches(&grace), "{q}");
    }
    let long = user("long", &"x".repeat(64));
    assert!(Query::parse(&"x".repeat(64)).expect("a query").expect("words").matches(&long));
}

#[test]
fn a_query_has_bounds() {
    for everybody in ["", "  ", "\u{200B}", "@", " @ \u{3164}"] {
        assert_eq!(Query::parse(everybody), Ok(None), "{everybody:?}");
    }
    assert!(Query::parse(&"é".repeat(limits::SEARCH_CHARS_MAX)).is_ok());
    for bad in ["a\0", &"é".repeat(limits::SEARCH_CHARS_MAX + 1)] {
        assert!(Query::parse(bad).is_err(), "{bad:?}");
    }
    let query = Query::parse("a bb @x dddd ccc @yy eeeee ffffff").expect("a query").expect("words");
    assert_eq!(query.lookups(), ["ffffff", "eeeee", "dddd", "ccc"]);
    assert_eq!(query.username(), "yy");
}
