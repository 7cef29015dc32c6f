//! A message's JSON, written by hand. Every message that is delivered or read goes through here, and a general encoder takes four times as
//! long. The bytes are those that [`MessageObject`](super::objects::MessageObject) encodes to.

use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::objects::{MessageStatus, SystemNoteObject};
use crate::domain::event::Payload;
use crate::domain::message::Message;
use crate::domain::{Seq, Timestamp};

/// Bytes of most messages' JSON besides the text.
pub(super) const OVERHEAD_BYTES: usize = 400;

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
    write_time(out, ",\"timestamp\":\"", message.timestamp);
    match message.edited_at {
        None => write_raw(out, ",\"edited_at\":null"),
        Some(time) => write_time(out, ",\"edited_at\":\"", time),
    }
    match message.deleted_at {
        None => write_raw(out, ",\"deleted_at\":null"),
        Some(time) => write_time(out, ",\"deleted_at\":\"", time),
    }
    write_raw(out, ",\"reactions\":[],\"status\":\"");
    write_raw(out, status.as_str());
    write_raw(out, "\"");
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
mod tests {
    use super::write_message;
    use crate::domain::conversation::{GroupName, Role};
    use crate::domain::event::Payload;
    use crate::domain::message::{Message, SystemNote};
    use crate::domain::{ConversationId, MessageId, Timestamp, UserId};
    use crate::wire::objects::{MessageObject, MessageStatus};

    #[test]
    fn the_bytes_are_those_of_the_general_encoder() {
        let plain = Message {
            id: MessageId::new(),
            conversation_id: ConversationId::new(),
            seq: 1_234_567,
            sender_id: UserId::new(),
            content: "\"quoted\" \\ tab\t line\n bell\u{7} é 🦀 </script>".into(),
            reply_to: None,
            timestamp: Timestamp(1_700_000_000_123_456),
            edited_at: None,
            deleted_at: None,
            note: None,
            extra: None,
        };
        let user_id = UserId::new();
        let with = |note| Message { note: Some(note), ..plain.clone() };
        let extra = |json: &str| Some(Payload::from_trusted(json.to_owned()));
        let messages = [
            Message { reply_to: Some(MessageId::new()), ..plain.clone() },
            Message {
                edited_at: Some(Timestamp(0)),
                deleted_at: Some(Timestamp(-1)),
                content: String::new(),
                ..plain.clone()
            },
            with(SystemNote::MemberAdded { user_id, role: Role::Admin }),
            with(SystemNote::MemberRemoved { user_id }),
            with(SystemNote::ConversationUpdated { name: GroupName::from_trusted("\"Lunch\"".to_owned()) }),
            Message { extra: extra("{}"), ..plain.clone() },
            Message {
                extra: extra(r#"{"pin":{"at":null,"by":[1,"\"é"]},"votes":2}"#),
                ..with(SystemNote::MemberRemoved { user_id })
            },
            plain,
        ];
        for (message, status) in
            messages.iter().zip([MessageStatus::Sent, MessageStatus::Delivered, MessageStatus::Read].iter().cycle())
        {
            let mut out = b"before".to_vec();
            write_message(&mut out, message, *status);
            let expected = serde_json::to_string(&MessageObject::new(message, *status)).expect("it has a JSON form");
            assert_eq!(String::from_utf8(out).expect("text"), format!("before{expected}"));
        }
    }
}
