//! A page of history.

use super::message::{MessageStatus, OVERHEAD_BYTES, write_message, write_number, write_raw};
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
