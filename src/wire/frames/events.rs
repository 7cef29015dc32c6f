//! The numbered events, and what tells a user of a conversation that came or went.

use bytes::Bytes;
use serde::Serialize;

use super::encoding::frame;
use crate::domain::conversation::{Conversation, Member};
use crate::domain::event::{Event, EventKind};
use crate::domain::message::Message;
use crate::domain::user::Status;
use crate::domain::{ConversationId, Seq};
use crate::wire::framing;
use crate::wire::message::{self, MessageStatus, write_message};
use crate::wire::objects::{ConversationObject, MemberObject, ShownReceipts};

/// The member or the conversation of an event, as it is now.
#[derive(Default)]
pub struct EventDetails {
    /// For an event of a member, unless they have left.
    pub member: Option<MemberDetails>,
    /// For an event of the conversation.
    pub conversation: Option<Conversation>,
    /// For a removal: the membership version of the user who was removed, for that user.
    pub membership_version: Option<i64>,
}

/// A member as they are now, and what the recipients may see of them.
pub struct MemberDetails {
    /// The member.
    pub member: Member,
    /// Their presence, unless a recipient may not see it.
    pub status: Option<Status>,
    /// Their receipts that all recipients may see.
    pub receipts: ShownReceipts,
}

/// Appends the frame of a numbered event.
pub fn write_event(out: &mut Vec<u8>, event: &Event, details: &EventDetails) {
    framing::write_text_frame_with(out, |out| {
        write_event_start(out, &event.kind, event.conversation_id, Some(event.seq), event.message.as_ref());
        if let Some(MemberDetails { member, status, receipts }) = &details.member {
            write_field(out, ",\"member\":", &MemberObject::new(member, *status, *receipts));
        }
        if let Some(conversation) = &details.conversation {
            write_field(out, ",\"conversation\":", &ConversationObject::new(conversation));
        }
        if let Some(version) = details.membership_version {
            message::write_number(out, ",\"membership_version\":", version);
        }
        if let Some(payload) = &event.payload {
            message::write_fields(out, payload);
        }
        message::write_raw(out, "}");
    });
}

/// Appends the first fields of an event's JSON object. Written by hand, like the message in it, since every delivery goes through here.
fn write_event_start(
    out: &mut Vec<u8>,
    kind: &EventKind,
    conversation_id: ConversationId,
    seq: Option<Seq>,
    message: Option<&Message>,
) {
    // Only a kind that this version does not know can have characters that need escaping.
    if let EventKind::Other(name) = kind {
        message::write_raw(out, "{\"type\":");
        message::write_string(out, name);
        message::write_id(out, b",\"conversation_id\":\"", conversation_id.0);
    } else {
        message::write_raw(out, "{\"type\":\"");
        message::write_raw(out, kind.as_str());
        message::write_id(out, b"\",\"conversation_id\":\"", conversation_id.0);
    }
    match seq {
        Some(seq) => message::write_number(out, "\",\"seq\":", seq),
        None => message::write_raw(out, "\""),
    }
    if let Some(message) = message {
        message::write_raw(out, ",\"message\":");
        write_message(out, message, MessageStatus::Sent);
    }
}

fn write_field(out: &mut Vec<u8>, name: &str, value: &impl Serialize) {
    message::write_raw(out, name);
    // Strings, numbers and ids can always be encoded, and writing to a vector does not fail.
    let _ = serde_json::to_writer(out, value);
}

/// Encodes a numbered event as the answer to a write, for a connection that is not subscribed to the conversation.
pub fn event(event: &Event) -> Bytes {
    let mut out = Vec::with_capacity(512);
    write_event(&mut out, event, &EventDetails::default());
    out.into()
}

/// Encodes the answer to a write that was committed before: the message as it is now. The answer to a send has the message's number. The
/// answer to an edit or a deletion that changed nothing has no number.
pub fn duplicate(kind: &EventKind, message: &Message) -> Bytes {
    let is_change = matches!(kind, EventKind::MessageUpdated | EventKind::MessageDeleted);
    let mut out = Vec::with_capacity(512);
    framing::write_text_frame_with(&mut out, |out| {
        write_event_start(out, kind, message.conversation_id, (!is_change).then_some(message.seq), Some(message));
        message::write_raw(out, "}");
    });
    out.into()
}

/// Encodes `conversation.created` or `conversation.deleted` for one user.
pub fn conversation_lifecycle(kind: &'static str, conversation: &Conversation, membership_version: i64) -> Bytes {
    #[derive(Serialize)]
    struct ConversationFrame<'a> {
        r#type: &'static str,
        conversation_id: ConversationId,
        conversation: ConversationObject<'a>,
        membership_version: i64,
    }
    frame(&ConversationFrame {
        r#type: kind,
        conversation_id: conversation.id,
        conversation: ConversationObject::new(conversation),
        membership_version,
    })
}

/// Encodes `conversation.deleted` for a user who is no longer in a conversation, when the node has no event and no object of it.
pub fn conversation_removed(conversation_id: ConversationId, membership_version: i64) -> Bytes {
    #[derive(Serialize)]
    struct RemovedFrame {
        r#type: &'static str,
        conversation_id: ConversationId,
        conversation: Option<()>,
        membership_version: i64,
    }
    frame(&RemovedFrame { r#type: "conversation.deleted", conversation_id, conversation: None, membership_version })
}
