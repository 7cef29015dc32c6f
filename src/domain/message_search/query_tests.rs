//! Tests of the query.

use super::{MessageQuery, Term};
use crate::domain::Timestamp;
use crate::limits;

fn parse(text: &str) -> MessageQuery {
    MessageQuery::parse(text).unwrap_or_else(|refused| panic!("{text}: {refused:?}"))
}

fn terms(text: &str) -> Vec<String> {
    let written = |term: &Term| term.words.join("+") + if term.is_prefix { "*" } else { "" };
    parse(text).terms.iter().map(written).collect()
}

#[test]
fn a_query_has_words_phrases_and_a_last_word_that_may_go_on() {
    for (text, expected) in [
        ("Hello WÖRLD", &["hello", "world*"][..]),
        ("hello w", &["hello", "w"]),
        ("\"hello world\" x-ra", &["hello+world", "x+ra*"]),
        ("x \"hello world\"", &["x", "hello+world"]),
        ("“hello world”", &["hello+world"]),
        ("\"hello wor", &["hello+wor*"]),
        ("foo\"bar baz\"", &["foo", "bar+baz"]),
        ("hello !!! \"…\"", &["hello*"]),
        ("http://example.org", &["http+example+org*"]),
        ("林", &["林*"]),
        ("林 ada", &["林*", "ada*"]),
        ("林徽", &["林徽*"]),
        ("林徽因 x", &["林徽+徽因", "x"]),
        ("\"林徽 x\"", &["林徽+徽+x"]),
    ] {
        assert_eq!(terms(text), expected, "{text}");
    }
}

#[test]
fn a_query_has_filters() {
    let query = parse("lunch From:ada in:\"Lunch club\" before:2026-11-26 after:2026-11-25t12:30:01z");
    assert_eq!(query.terms.len(), 1);
    assert!(query.terms[0].is_prefix, "it is the last word");
    assert_eq!((query.from.as_deref(), query.conversation.as_deref()), (Some("ada"), Some("Lunch club")));
    assert_eq!(query.before.map(|time| time.to_string()).as_deref(), Some("2026-11-26T00:00:00Z"));
    assert_eq!(query.after.map(|time| time.to_string()).as_deref(), Some("2026-11-25T12:30:01Z"));
    assert_eq!(parse("before:1970-01-01").before, Some(Timestamp(0)));
    assert_eq!(parse("from:@ada").from.as_deref(), Some("@ada"));
    assert_eq!(terms("inform: from : in :x"), ["inform", "from", "in", "x"]);
}

#[test]
fn what_cannot_be_searched_for_is_refused() {
    let long = "é".repeat(limits::MESSAGE_QUERY_CHARS_MAX + 1);
    let many = "a ".repeat(limits::SEARCH_TERMS_MAX + 1);
    for bad in [
        "",
        "  ",
        "\"",
        "\"\"",
        "!!! ???",
        "👩‍🚀",
        "\u{301}",
        "from:",
        "from: ada",
        "in:\"\"",
        "before:x",
        "before:2026-13-01",
        "after:2026-02-30",
        "after:2026-1-1",
        "after:2026-01-01T24:00:00Z",
        "after:2026-01-01T10:00:00",
        "from:a from:b",
        "before:2026-01-01 x before:2026-01-01",
        "a\0",
        &long,
        &many,
    ] {
        let refused = MessageQuery::parse(bad).expect_err(bad);
        assert_eq!(refused.field, "q", "{bad}");
    }
    assert!(MessageQuery::parse(&"é".repeat(limits::MESSAGE_QUERY_CHARS_MAX)).is_ok());
}

#[test]
fn a_query_matches_whole_words_in_any_order() {
    let text = "Grace Hopper wrote: “the most dangerous phrase”";
    for query in ["grace", "hopp", "phrase grace", "\"most dangerous\"", "\"the most dang", "grace \"hopper wrote\""] {
        assert!(parse(query).ranges(text).is_some(), "{query}");
    }
    for query in ["opper", "grac x", "hopp grace", "\"dangerous most\"", "\"most dang\"", "g"] {
        assert_eq!(parse(query).ranges(text), None, "{query}");
    }
    assert_eq!(parse("from:ada").ranges(text), Some(Vec::new()), "a filter alone marks nothing");
    assert_eq!(parse("\"a b\" b").ranges("a b b"), Some(vec![0..3, 4..5]));
}
