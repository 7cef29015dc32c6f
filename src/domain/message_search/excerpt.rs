//! Excerpts: the part of a text around what was found.

use std::ops::Range;

use crate::limits;

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The part, with an ellipsis where the text goes on.
    pub text: String,
    /// The matches, each as its start and its end in UTF-16 code units of the excerpt, as JavaScript counts.
    pub ranges: Vec<(usize, usize)>,
}

const ELLIPSIS: char = '…';

/// Returns the part of a text around the first of `ranges`, which are bytes of the text. Without ranges it is the beginning.
pub fn excerpt(text: &str, ranges: &[Range<usize>]) -> Excerpt {
    let first = ranges.first().cloned().unwrap_or(0..0);
    let kept = part(text, &first);
    let mut excerpt = Excerpt { text: String::with_capacity(kept.len() + 2 * ELLIPSIS.len_utf8()), ranges: Vec::new() };
    if kept.start > 0 {
        excerpt.text.push(ELLIPSIS);
    }
    let (mut at, mut units) = (kept.start, excerpt.text.chars().map(char::len_utf16).sum::<usize>());
    let mut advance = |to: usize| {
        units += text[at..to].chars().map(char::len_utf16).sum::<usize>();
        at = to;
        units
    };
    for range in ranges.iter().filter(|range| range.start >= kept.start && range.start < kept.end) {
        let start = advance(range.start);
        excerpt.ranges.push((start, advance(range.end.min(kept.end))));
    }
    excerpt.text.push_str(&text[kept.clone()]);
    if kept.end < text.len() {
        excerpt.text.push(ELLIPSIS);
    }
    excerpt
}

/// Returns the bytes of the text that an excerpt keeps: [`limits::EXCERPT_CHARS_MAX`] characters, of which a quarter comes before `first`.
fn part(text: &str, first: &Range<usize>) -> Range<usize> {
    if text.chars().nth(limits::EXCERPT_CHARS_MAX).is_none() {
        return 0..text.len();
    }
    let lead = text[..first.start].char_indices().rev().nth(limits::EXCERPT_CHARS_MAX / 4 - 1);
    let mut start = lead.map_or(0, |(index, _)| index);
    // The excerpt begins with a word, if there is one so far before what was found.
    if start > 0
        && let Some(space) = text[start..first.start].find(char::is_whitespace)
    {
        let word = &text[start + space..first.start];
        start += space + (word.len() - word.trim_start().len());
    }
    let end =
        text[start..].char_indices().nth(limits::EXCERPT_CHARS_MAX).map_or(text.len(), |(index, _)| start + index);
    // It ends with a word, but not before what was found.
    let from = first.end.clamp(start, end);
    let end = if end == text.len() {
        end
    } else {
        text[from..end].rfind(char::is_whitespace).map_or(end, |space| from + space)
    };
    start..end
}

#[cfg(test)]
mod tests {
    use super::excerpt;
    use crate::domain::message_search::MessageQuery;
    use crate::limits;

    /// Returns the excerpt, and what its ranges mark in it.
    fn found(text: &str, query: &str) -> (String, Vec<String>) {
        let ranges = MessageQuery::parse(query).expect("a query").ranges(text).expect("it matches");
        let excerpt = excerpt(text, &ranges);
        let units: Vec<u16> = excerpt.text.encode_utf16().collect();
        let marked = excerpt.ranges.iter().map(|&(start, end)| String::from_utf16(&units[start..end]).expect("whole"));
        let marked = marked.collect();
        (excerpt.text, marked)
    }

    #[test]
    fn a_short_text_is_its_own_excerpt() {
        let text = "👩‍🚀 Élodie isst Straßenessen, E\u{301}lodie!";
        assert_eq!(found(text, "elodie"), (text.to_owned(), vec!["Élodie".to_owned(), "E\u{301}lodie".to_owned()]));
        assert_eq!(found(text, "strasse").1, ["Straße"]);
        assert_eq!(found("林徽因和林", "林").1, ["林", "林"]);
        assert_eq!(found("我爱林徽因", "林徽因").1, ["林徽因"]);
        assert_eq!(found("a b a b", "\"a b\"").1, ["a b", "a b"]);
        assert_eq!(excerpt("hello", &[]).ranges, []);
        assert_eq!(excerpt("", &[]).text, "");
    }

    #[test]
    fn a_long_text_is_cut_around_what_was_found() {
        let long = "lorem ipsum ".repeat(500) + "needle 👩‍🚀 needle " + &"dolor sit ".repeat(500) + "needle";
        let (text, marked) = found(&long, "needle");
        assert!(text.starts_with("…ipsum lorem") || text.starts_with("…lorem ipsum"), "{text}");
        assert!(text.ends_with("dolor…") || text.ends_with("sit…"), "{text}");
        assert!(text.chars().count() <= limits::EXCERPT_CHARS_MAX + 2, "{text}");
        assert_eq!(marked, ["needle", "needle"]);
        let (text, marked) = found(&("x".repeat(1_000) + " needle"), "needle");
        assert_eq!((text.as_str(), marked), ("…needle", vec!["needle".to_owned()]));
        let (text, marked) = found(&"y".repeat(1_000), "yy");
        assert_eq!((text.chars().count(), marked), (limits::EXCERPT_CHARS_MAX + 1, vec!["yy".to_owned()]));
        assert_eq!(excerpt(&long, &[]).ranges, []);
    }
}
