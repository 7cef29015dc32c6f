//! A page of history, which is many messages.

use super::message::{AROUND_TEXT, put, put_message, put_number};
use super::objects::MessageStatus;
use crate::domain::Seq;
use crate::domain::message::Message;

/// Whether there are more messages than a page has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HasMore {
    /// In the direction that was asked for.
    OneWay(bool),
    /// Before and after, around a number.
    BothWays(bool, bool),
}

/// The JSON of a page, oldest first, with the newest number of the conversation.
pub fn history<'a>(
    messages: impl Iterator<Item = (&'a Message, MessageStatus)> + Clone,
    more: HasMore,
    last_seq: Seq,
) -> Vec<u8> {
    let length = messages.clone().map(|(message, _)| AROUND_TEXT + message.content.len()).sum::<usize>();
    let mut out = Vec::with_capacity(AROUND_TEXT + length);
    put(&mut out, "{\"items\":[");
    for (index, (message, status)) in messages.enumerate() {
        if index > 0 {
            put(&mut out, ",");
        }
        put_message(&mut out, message, status);
    }
    let word = |more| if more { "true" } else { "false" };
    match more {
        HasMore::OneWay(more) => {
            put(&mut out, "],\"has_more\":");
            put(&mut out, word(more));
        }
        HasMore::BothWays(before, after) => {
            put(&mut out, "],\"has_more_before\":");
            put(&mut out, word(before));
            put(&mut out, ",\"has_more_after\":");
            put(&mut out, word(after));
        }
    }
    put_number(&mut out, ",\"last_seq\":", last_seq);
    put(&mut out, "}");
    out
}
