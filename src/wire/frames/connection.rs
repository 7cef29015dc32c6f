//! The frames about a connection: its beginning, its heartbeat, the answers to its client's frames, and its end.

use bytes::Bytes;
use serde::Serialize;

use super::encoding::{Entries, frame};
use super::state::{ReceiptObject, receipt_objects};
use crate::domain::receipt::Receipt;
use crate::domain::user::{Status, User};
use crate::domain::{ConnectionId, ConversationId, Error, Seq, UserId};
use crate::limits;
use crate::wire::framing;
use crate::wire::message;
use crate::wire::objects::UserObject;
use crate::wire::problem::ErrorFrame;

/// Encodes the first frame of a connection.
pub fn hello(
    connection_id: ConnectionId,
    user: &User,
    heartbeat_ms: u64,
    membership_version: i64,
    conversation: Option<(ConversationId, Seq)>,
) -> Bytes {
    #[derive(Serialize)]
    struct Head {
        id: ConversationId,
        last_seq: Seq,
    }
    #[derive(Serialize)]
    struct Limits {
        content_bytes: usize,
        frame_bytes: usize,
        sends_under_way: usize,
        writes_at_once: u32,
        writes_per_minute: u32,
        connections: usize,
        outbox_bytes: usize,
        group_members: i64,
        resume_conversations: usize,
    }
    #[derive(Serialize)]
    struct Hello<'a> {
        r#type: &'static str,
        connection_id: ConnectionId,
        user: UserObject<'a>,
        heartbeat_ms: u64,
        limits: Limits,
        membership_version: i64,
        #[serde(skip_serializing_if = "Option::is_none")]
        conversation_id: Option<ConversationId>,
        #[serde(skip_serializing_if = "Option::is_none")]
        conversation: Option<Head>,
    }
    frame(&Hello {
        r#type: "hello",
        connection_id,
        user: UserObject::new(user, Some(Status::Online)),
        heartbeat_ms,
        limits: Limits {
            content_bytes: limits::CONTENT_BYTES_MAX,
            frame_bytes: limits::FRAME_BYTES_MAX,
            sends_under_way: limits::SENDS_IN_FLIGHT_MAX,
            writes_at_once: limits::WRITES.burst,
            writes_per_minute: limits::WRITES.per_minute,
            connections: limits::CONNECTIONS_PER_USER_MAX,
            outbox_bytes: limits::SEND_QUEUE_BYTES_MAX,
            group_members: limits::GROUP_MEMBERS_MAX,
            resume_conversations: limits::RESUME_CONVERSATIONS_MAX,
        },
        membership_version,
        conversation_id: conversation.map(|(id, _)| id),
        conversation: conversation.map(|(id, last_seq)| Head { id, last_seq }),
    })
}

/// Encodes a heartbeat: the newest numbers that changed since the last one. It follows the events that it names.
pub fn heartbeat(heads: Vec<(ConversationId, Seq)>, membership_version: i64) -> Bytes {
    #[derive(Serialize)]
    struct Heartbeat {
        r#type: &'static str,
        heads: Entries<ConversationId, Seq>,
        membership_version: i64,
    }
    frame(&Heartbeat { r#type: "heartbeat", heads: Entries(heads), membership_version })
}

/// Encodes the answer to an operation. `body` is JSON.
pub fn reply(reference: Option<&str>, status: u16, body: Option<&[u8]>) -> Bytes {
    let mut out = Vec::with_capacity(128 + body.map_or(0, <[u8]>::len));
    framing::write_text_frame_with(&mut out, |out| {
        message::write_raw(out, "{\"type\":\"reply\"");
        if let Some(reference) = reference {
            message::write_raw(out, ",\"ref\":");
            message::write_string(out, reference);
        }
        message::write_number(out, ",\"status\":", i64::from(status));
        message::write_raw(out, ",\"body\":");
        out.extend_from_slice(body.unwrap_or(b"null"));
        message::write_raw(out, "}");
    });
    out.into()
}

/// Encodes the end of a resume.
pub fn resumed(conversation_id: ConversationId, last_seq: Seq, receipts: &[Receipt], reference: Option<&str>) -> Bytes {
    #[derive(Serialize)]
    struct Resumed<'a> {
        r#type: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        r#ref: Option<&'a str>,
        conversation_id: ConversationId,
        last_seq: Seq,
        receipts: Entries<UserId, ReceiptObject>,
    }
    let receipts = receipt_objects(receipts);
    frame(&Resumed { r#type: "resumed", r#ref: reference, conversation_id, last_seq, receipts })
}

/// Encodes the answer to `ping`.
pub fn pong(reference: Option<&str>) -> Bytes {
    #[derive(Serialize)]
    struct Pong<'a> {
        r#type: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        r#ref: Option<&'a str>,
    }
    frame(&Pong { r#type: "pong", r#ref: reference })
}

/// Encodes the notice that the server is about to stop.
pub fn draining(reconnect_after_ms: u64) -> Bytes {
    #[derive(Serialize)]
    struct Draining {
        r#type: &'static str,
        reconnect_after_ms: u64,
    }
    frame(&Draining { r#type: "draining", reconnect_after_ms })
}

/// Encodes the answer to a refused frame.
pub fn error(error: &Error, reference: Option<&str>, conversation_id: Option<ConversationId>) -> Bytes {
    frame(&ErrorFrame::new(error, reference, conversation_id))
}
