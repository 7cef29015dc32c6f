//! A message's JSON, written by hand. Every message that is delivered or read goes through here, and a general encoder takes four times as
//! long.

use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::domain::event::{EventKind, Payload};
use crate::domain::mentions::Mentions;
use crate::domain::message::{Message, Quote, SystemNote};
use crate::domain::reactions::{ReactionCount, Reactions};
use crate::domain::{Seq, Timestamp, UserId};
use crate::limits;

/// Bytes of most messages' JSON besides the text.
pub(super) const OVERHEAD_BYTES: usize = 400;

/// The status of a message, as its sender sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageStatus {
    /// The message is durable.
    Sent,
    /// The devices of all other members have received it.
    Delivered,
    /// All other members have read it.
    Read,
}

impl MessageStatus {
    /// Returns the name that the API uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
        }
    }
}

/// A message, with its status for the caller. Its bytes are those of an event and of a page of history: [`write_message`] writes all three,
/// so that fields that this binary does not know are the same text everywhere.
pub struct MessageObject<'a> {
    message: &'a Message,
    status: MessageStatus,
}

impl<'a> MessageObject<'a> {
    /// Makes the object.
    pub fn new(message: &'a Message, status: MessageStatus) -> Self {
        Self { message, status }
    }
}

impl Serialize for MessageObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = Vec::new();
        write_message(&mut json, self.message, self.status);
        serde_json::from_slice::<&RawValue>(&json).map_err(S::Error::custom)?.serialize(serializer)
    }
}

#[derive(Serialize)]
struct SystemNoteObject<'a> {
    kind: EventKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

impl<'a> SystemNoteObject<'a> {
    fn new(note: &'a SystemNote) -> Self {
        let (role, name) = match note {
            SystemNote::MemberAdded { .. } | SystemNote::MemberUpdated { .. } => (note.value(), None),
            SystemNote::ConversationUpdated { .. } => (None, note.value()),
            SystemNote::MemberRemoved { .. } | SystemNote::Other { .. } => (None, None),
        };
        Self { kind: note.kind(), user_id: note.user_id(), role, name }
    }
}

#[derive(Serialize)]
struct QuoteObject<'a> {
    seq: Seq,
    sender_id: UserId,
    r#type: &'static str,
    content: &'a str,
    deleted_at: Option<Timestamp>,
}

impl<'a> QuoteObject<'a> {
    fn new(quote: &'a Quote) -> Self {
        let Quote { seq, sender_id, is_system, content, deleted_at } = quote;
        let r#type = if *is_system { "system" } else { "text" };
        Self { seq: *seq, sender_id: *sender_id, r#type, content, deleted_at: *deleted_at }
    }
}

/// Returns a bound of a message's JSON in bytes, which costs no look at the text: each of its bytes may be escaped to six.
pub(super) fn longest_encoding(message: &Message) -> usize {
    const ESCAPED_BYTES: usize = 6;
    const REACTION_BYTES: usize = limits::EMOJI_BYTES_MAX + 64;
    const MENTION_BYTES: usize = Hyphenated::LENGTH + 4;
    let note = message.note.as_ref().map_or(0, |note| OVERHEAD_BYTES + note.value().unwrap_or_default().len());
    let extra = message.extra.as_ref().map_or(0, |extra| extra.as_str().len());
    let quote = message.quote.as_ref().map_or(0, |quote| OVERHEAD_BYTES + ESCAPED_BYTES * quote.content.len());
    let mentions = MENTION_BYTES * message.mentions.user_ids.len();
    let reactions = REACTION_BYTES * message.reactions.counts().len();
    OVERHEAD_BYTES + ESCAPED_BYTES * (message.content.len() + note) + extra + reactions + mentions + quote
}

/// Appends a message with its status for the reader.
pub fn write_message(out: &mut Vec<u8>, message: &Message, status: MessageStatus) {
    out.reserve(OVERHEAD_BYTES + message.content.len());
    write_id(out, b"{\"id\":\"", message.id.0);
    write_id(out, b"\",\"conversation_id\":\"", message.conversation_id.0);
    write_number(out, "\",\"seq\":", message.seq);
    write_id(out, b",\"sender_id\":\"", message.sender_id.0);
    write_raw(out, "\",\"type\":\"");
    write_raw(out, message.kind());
    write_raw(out, "\",\"content\":");
    write_string(out, &message.content);
    match message.reply_to {
        None => write_raw(out, ",\"reply_to\":null"),
        Some(id) => {
            write_id(out, b",\"reply_to\":\"", id.0);
            write_raw(out, "\"");
        }
    }
    if let Some(quote) = &message.quote {
        write_raw(out, ",\"quote\":");
        // Strings and ids can always be encoded, and writing to a vector does not fail.
        let _ = serde_json::to_writer(&mut *out, &QuoteObject::new(quote));
    }
    write_time(out, ",\"timestamp\":\"", message.timestamp);
    match message.edited_at {
        None => write_raw(out, ",\"edited_at\":null"),
        Some(time) => write_time(out, ",\"edited_at\":\"", time),
    }
    match message.deleted_at {
        None => write_raw(out, ",\"deleted_at\":null"),
        Some(time) => write_time(out, ",\"deleted_at\":\"", time),
    }
    if message.reactions.is_empty() {
        write_raw(out, ",\"reactions\":[],\"status\":\"");
    } else {
        write_raw(out, ",\"reactions\":[");
        write_reactions(out, &message.reactions);
        write_raw(out, "],\"status\":\"");
    }
    write_raw(out, status.as_str());
    write_raw(out, "\"");
    if let Some(time) = message.pinned_at {
        write_time(out, ",\"pinned_at\":\"", time);
    }
    if !message.mentions.is_empty() {
        write_mentions(out, &message.mentions);
    }
    if let Some(note) = &message.note {
        write_raw(out, ",\"system\":");
        // Strings and ids can always be encoded, and writing to a vector does not fail.
        let _ = serde_json::to_writer(&mut *out, &SystemNoteObject::new(note));
    }
    if let Some(extra) = &message.extra {
        write_fields(out, extra);
    }
    write_raw(out, "}");
}

/// Appends the items of the array of reactions. An emoji needs no escaping.
fn write_reactions(out: &mut Vec<u8>, reactions: &Reactions) {
    for (index, ReactionCount { emoji, count, is_own }) in reactions.counts().iter().enumerate() {
        write_raw(out, if index > 0 { ",{\"emoji\":\"" } else { "{\"emoji\":\"" });
        write_raw(out, emoji.as_str());
        write_number(out, "\",\"count\":", Seq::try_from(*count).unwrap_or(Seq::MAX));
        write_raw(
            out,
            match is_own {
                None => "}",
                Some(true) => ",\"me\":true}",
                Some(false) => ",\"me\":false}",
            },
        );
    }
}

/// Appends `mentions` and `mentions_all`, each if there are some.
fn write_mentions(out: &mut Vec<u8>, Mentions { user_ids, all }: &Mentions) {
    for (index, user_id) in user_ids.iter().enumerate() {
        if index > 0 {
            write_id(out, b"\",\"", user_id.0);
        } else {
            write_id(out, b",\"mentions\":[\"", user_id.0);
        }
    }
    write_raw(out, if user_ids.is_empty() { "" } else { "\"]" });
    write_raw(out, if *all { ",\"mentions_all\":true" } else { "" });
}

/// Appends the fields of a JSON object after other fields.
pub(super) fn write_fields(out: &mut Vec<u8>, payload: &Payload) {
    let fields = payload.as_str().strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default();
    if !fields.is_empty() {
        write_raw(out, ",");
        write_raw(out, fields);
    }
}

/// Appends text that needs no escaping. (Inlined, so that the length of a literal is known, and a few instructions copy it.)
#[inline]
pub(super) fn write_raw(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

/// Appends `before` and an id, in one copy.
pub(super) fn write_id<const BEFORE: usize>(out: &mut Vec<u8>, before: &[u8; BEFORE], id: Uuid) {
    const BEFORE_MAX: usize = 24;
    const { assert!(BEFORE <= BEFORE_MAX) };
    let mut both = [0; BEFORE_MAX + Hyphenated::LENGTH];
    both[..BEFORE].copy_from_slice(before);
    id.as_hyphenated().encode_lower(&mut both[BEFORE..]);
    out.extend_from_slice(&both[..BEFORE + Hyphenated::LENGTH]);
}

/// Appends `before` and a number.
pub(super) fn write_number(out: &mut Vec<u8>, before: &str, number: Seq) {
    write_raw(out, before);
    // A number can always be encoded, and writing to a vector does not fail.
    let _ = serde_json::to_writer(out, &number);
}

/// Appends a JSON string, escaped where needed.
pub(super) fn write_string(out: &mut Vec<u8>, text: &str) {
    let _ = serde_json::to_writer(out, text);
}

/// Appends `before`, which ends with a quotation mark, and a time.
fn write_time(out: &mut Vec<u8>, before: &str, time: Timestamp) {
    write_raw(out, before);
    write_raw(out, time.write(&mut Timestamp::buffer()));
    write_raw(out, "\"");
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
