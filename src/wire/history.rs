//! A page of history, which is many messages.

use super::message::{AROUND_TEXT, write_message, write_number, write_raw};
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
    write_raw(&mut out, "{\"items\":[");
    for (index, (message, status)) in messages.enumerate() {
        if index > 0 {
            write_raw(&mut out, ",");
        }
        write_message(&mut out, message, status);
    }
    let word = |more| if more { "true" } else { "false" };
    match more {
        HasMore::OneWay(more) => {
            write_raw(&mut out, "],\"has_more\":");
            write_raw(&mut out, word(more));
        }
        HasMore::BothWays(before, after) => {
            write_raw(&mut out, "],\"has_more_before\":");
            write_raw(&mut out, word(before));
            write_raw(&mut out, ",\"has_more_after\":");
            write_raw(&mut out, word(after));
        }
    }
    write_number(&mut out, ",\"last_seq\":", last_seq);
    write_raw(&mut out, "}");
    out
}
