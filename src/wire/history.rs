//! A page of history.

use std::ops::Range;

use super::message::{MessageStatus, OVERHEAD_BYTES, longest_encoding, write_message, write_number, write_raw};
use crate::domain::Seq;
use crate::domain::message::Message;

/// The flags of a page: true if there are more messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HasMore {
    /// More messages in the direction of the page.
    OneWay(bool),
    /// More messages before and after a page around a number.
    BothWays(bool, bool),
}

impl HasMore {
    /// Returns the flags of a page from which older (`before`) or newer (`after`) messages were cut.
    #[must_use]
    pub fn and(self, before: bool, after: bool) -> Self {
        match self {
            Self::OneWay(more) => Self::OneWay(more || before || after),
            Self::BothWays(more_before, more_after) => Self::BothWays(more_before || before, more_after || after),
        }
    }
}

/// Bytes of a page besides its messages, and a comma for each of them.
const FRAME_BYTES: usize = 512;

/// Returns the messages that fit into a page of `bytes_max`: the longest range around `anchor`, which grows from there by one message on
/// each side in turn. A page has at least one message.
pub fn fitting(messages: &[Message], anchor: usize, bytes_max: usize) -> Range<usize> {
    let bytes_max = bytes_max.saturating_sub(FRAME_BYTES);
    if messages.iter().map(longest_encoding).sum::<usize>() <= bytes_max {
        return 0..messages.len();
    }
    let (mut range, mut bytes, mut encoded) = (anchor..anchor, 0, Vec::new());
    let mut fits = |message: Option<&Message>, is_first: bool| {
        let Some(message) = message else { return false };
        encoded.clear();
        write_message(&mut encoded, message, MessageStatus::Delivered);
        bytes += encoded.len();
        is_first || bytes <= bytes_max
    };
    let (mut grows_up, mut grows_down) = (true, true);
    while grows_up || grows_down {
        grows_up = grows_up && fits(messages.get(range.end), range.is_empty());
        range.end += usize::from(grows_up);
        grows_down =
            grows_down && fits(range.start.checked_sub(1).and_then(|index| messages.get(index)), range.is_empty());
        range.start -= usize::from(grows_down);
    }
    range
}

/// Encodes a page, oldest message first, with the newest number of the conversation.
pub fn history<'a>(
    messages: impl Iterator<Item = (&'a Message, MessageStatus)> + Clone,
    more: HasMore,
    last_seq: Seq,
) -> Vec<u8> {
    let length = messages.clone().map(|(message, _)| OVERHEAD_BYTES + message.content.len()).sum::<usize>();
    let mut out = Vec::with_capacity(OVERHEAD_BYTES + length);
    write_raw(&mut out, "{\"items\":[");
    for (index, (message, status)) in messages.enumerate() {
        if index > 0 {
            write_raw(&mut out, ",");
        }
        write_message(&mut out, message, status);
    }
    let boolean = |more| if more { "true" } else { "false" };
    match more {
        HasMore::OneWay(more) => {
            write_raw(&mut out, "],\"has_more\":");
            write_raw(&mut out, boolean(more));
        }
        HasMore::BothWays(before, after) => {
            write_raw(&mut out, "],\"has_more_before\":");
            write_raw(&mut out, boolean(before));
            write_raw(&mut out, ",\"has_more_after\":");
            write_raw(&mut out, boolean(after));
        }
    }
    write_number(&mut out, ",\"last_seq\":", last_seq);
    write_raw(&mut out, "}");
    out
}

#[cfg(test)]
mod tests {
    use super::{FRAME_BYTES, HasMore, fitting, history};
    use crate::domain::message::Message;
    use crate::domain::{ConversationId, MessageId, Timestamp, UserId};
    use crate::wire::message::MessageStatus;

    fn message(seq: i64, content: String) -> Message {
        Message::new(MessageId::new(), ConversationId::new(), seq, UserId::new(), content, Timestamp(0))
    }

    fn encoded(messages: &[Message]) -> usize {
        let items = messages.iter().map(|message| (message, MessageStatus::Delivered));
        history(items, HasMore::BothWays(false, false), i64::MAX).len()
    }

    #[test]
    fn a_page_keeps_what_is_nearest_to_its_anchor() {
        let messages: Vec<Message> = (0..20).map(|seq| message(seq, "\u{1}".repeat(1_000))).collect();
        let bytes_max = encoded(&messages[..6]) + FRAME_BYTES;
        for (anchor, expected) in [(0, 0..6), (20, 14..20), (10, 7..13), (1, 0..6), (19, 14..20)] {
            let range = fitting(&messages, anchor, bytes_max);
            assert_eq!(range, expected, "{anchor}");
            assert!(encoded(&messages[range]) <= bytes_max);
        }
        assert_eq!(fitting(&messages, 20, usize::MAX), 0..20);
        assert_eq!(fitting(&[], 0, 0), 0..0);
    }

    #[test]
    fn a_page_has_at_least_one_message() {
        let messages: Vec<Message> = (0..3).map(|seq| message(seq, "x".repeat(1_000))).collect();
        for (anchor, expected) in [(0, 0..1), (3, 2..3), (1, 1..2)] {
            assert_eq!(fitting(&messages, anchor, 10), expected, "{anchor}");
        }
    }

    #[test]
    fn a_message_that_does_not_fit_ends_its_side() {
        let lengths = [10, 10, 5_000, 10, 10, 10, 5_000, 10];
        let messages: Vec<Message> = lengths.iter().map(|length| message(0, "x".repeat(*length))).collect();
        assert_eq!(fitting(&messages, 4, 4_000), 3..6);
    }
}
