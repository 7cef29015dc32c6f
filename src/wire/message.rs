//! A message's JSON, written by hand: every message that is delivered or read back goes through here, and a general encoder takes
//! four times as long. It is what [`MessageObject`](super::objects::MessageObject) encodes to, to the byte.

use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::objects::{MessageStatus, SystemNoteObject};
use crate::domain::event::Payload;
use crate::domain::message::Message;
use crate::domain::{Seq, Timestamp};

/// Bytes of a message's JSON besides its text, as a rule.
pub(super) const AROUND_TEXT: usize = 400;

/// Appends a message, with its status for whoever reads it.
pub fn write_message(out: &mut Vec<u8>, message: &Message, status: MessageStatus) {
    out.reserve(AROUND_TEXT + message.content.len());
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
        // Strings and ids always have a JSON form, and a vector takes all of it.
        let _ = serde_json::to_writer(&mut *out, &SystemNoteObject::new(note));
    }
    if let Some(extra) = &message.extra {
        write_fields(out, extra);
    }
    write_raw(out, "}");
}

/// Appends the fields of a JSON object behind others.
pub(super) fn write_fields(out: &mut Vec<u8>, payload: &Payload) {
    let fields = payload.as_str().strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default();
    if !fields.is_empty() {
        write_raw(out, ",");
        write_raw(out, fields);
    }
}

/// Appends what needs no escaping. (Inlined, so that where the text stands in the code its length is known, and it is copied by a few
/// instructions.)
#[inline]
pub(super) fn write_raw(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

/// Appends an id behind `before`, both at once.
pub(super) fn write_id<const BEFORE: usize>(out: &mut Vec<u8>, before: &[u8; BEFORE], id: Uuid) {
    const MOST: usize = 24;
    const { assert!(BEFORE <= MOST) };
    let mut both = [0; MOST + Hyphenated::LENGTH];
    both[..BEFORE].copy_from_slice(before);
    id.as_hyphenated().encode_lower(&mut both[BEFORE..]);
    out.extend_from_slice(&both[..BEFORE + Hyphenated::LENGTH]);
}

/// Appends a number behind `before`.
pub(super) fn write_number(out: &mut Vec<u8>, before: &str, number: Seq) {
    write_raw(out, before);
    // A number always has a JSON form, and a vector takes all of it.
    let _ = serde_json::to_writer(out, &number);
}

/// Appends a text, escaped where it must be.
pub(super) fn write_string(out: &mut Vec<u8>, text: &str) {
    let _ = serde_json::to_writer(out, text);
}

/// Appends a time behind `before`, which ends with a quotation mark.
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
    fn it_is_what_the_general_encoder_makes() {
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
