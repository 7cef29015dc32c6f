//! The frames that the server sends over WebSocket. Those of clients are in [`client_frame`](super::client_frame).

use bytes::Bytes;
use serde::{Serialize, Serializer};

use super::framing;
use super::message::{self, MessageStatus, write_message};
use super::objects::{
    ConversationObject, MemberObject, MySettingsObject, NotificationsObject, ShownReceipts, UserObject, status_word,
};
use super::problem::ErrorFrame;
use crate::domain::conversation::{Conversation, Member};
use crate::domain::event::{Event, EventKind};
use crate::domain::message::Message;
use crate::domain::receipt::{Receipt, UnreadState};
use crate::domain::user::{MySettings, Status, User};
use crate::domain::{ConnectionId, ConversationId, Error, MessageId, Seq, Timestamp, UserId};
use crate::limits;

/// Returns a text frame with the JSON of `value`.
fn frame(value: &impl Serialize) -> Bytes {
    let mut out = Vec::with_capacity(256);
    write_frame(&mut out, value);
    out.into()
}

fn write_frame(out: &mut Vec<u8>, value: &impl Serialize) {
    framing::write_text_frame_with(out, |out| {
        let start = out.len();
        // Strings, numbers, and maps with string keys can always be encoded.
        if let Err(error) = serde_json::to_writer(&mut *out, value) {
            tracing::error!(%error, "a frame could not be encoded");
            out.truncate(start);
        }
    });
}

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

/// A JSON object of distinct keys, encoded without building a map.
struct Entries<K, V>(Vec<(K, V)>);

impl<K: Serialize, V: Serialize> Serialize for Entries<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
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

/// Encodes the users who have connections, for a connection that is being set up.
pub fn presence_state(
    conversation_id: Option<ConversationId>,
    connected: &[(UserId, Status)],
    online_count: Option<usize>,
) -> Bytes {
    #[derive(Serialize)]
    struct State {
        r#type: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        conversation_id: Option<ConversationId>,
        users: Entries<UserId, &'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        online_count: Option<usize>,
    }
    let users = Entries(connected.iter().map(|(id, status)| (*id, status_word(*status))).collect());
    frame(&State { r#type: "presence.state", conversation_id, users, online_count })
}

/// Encodes the users whose presence changed since the last diff.
pub fn presence_diff(online: &[UserId], away: &[UserId], offline: &[UserId]) -> Bytes {
    #[derive(Serialize)]
    struct Diff<'a> {
        r#type: &'static str,
        online: &'a [UserId],
        away: &'a [UserId],
        offline: &'a [UserId],
    }
    frame(&Diff { r#type: "presence.diff", online, away, offline })
}

/// Encodes the beginning or the end of a user's typing. A client takes the beginning back by itself after
/// [`limits::TYPING_SHOWN`].
pub fn typing(conversation_id: ConversationId, user_id: UserId, starts: bool) -> Bytes {
    #[derive(Serialize)]
    struct Typing {
        r#type: &'static str,
        conversation_id: ConversationId,
        user_id: UserId,
    }
    let r#type = if starts { "typing.start" } else { "typing.stop" };
    frame(&Typing { r#type, conversation_id, user_id })
}

/// How far a member has received and read. In JSON `read_seq` is null if the recipient may not see it.
#[derive(Serialize)]
struct ReceiptObject {
    delivered_seq: Seq,
    read_seq: Option<Seq>,
}

fn receipt_objects(receipts: &[Receipt]) -> Entries<UserId, ReceiptObject> {
    let object =
        |&Receipt { user_id, delivered_seq, read_seq }: &Receipt| (user_id, ReceiptObject { delivered_seq, read_seq });
    Entries(receipts.iter().map(object).collect())
}

/// Encodes the receipts that have risen in a conversation. The frame is `message.read` if it says of a member how far they have read.
pub fn receipts(conversation_id: ConversationId, receipts: &[Receipt]) -> Bytes {
    #[derive(Serialize)]
    struct Risen {
        r#type: &'static str,
        conversation_id: ConversationId,
        receipts: Entries<UserId, ReceiptObject>,
    }
    let has_read = receipts.iter().any(|receipt| receipt.read_seq.is_some());
    let r#type = if has_read { "message.read" } else { "message.delivered" };
    frame(&Risen { r#type, conversation_id, receipts: receipt_objects(receipts) })
}

/// Encodes a user's own state in a conversation, for the user's devices.
pub fn conversation_state(conversation_id: ConversationId, state: &UnreadState) -> Bytes {
    #[derive(Serialize)]
    struct State {
        r#type: &'static str,
        conversation_id: ConversationId,
        read_seq: Seq,
        unread_from_seq: Option<Seq>,
        unread_count: i64,
        mention_count: i64,
        notifications: NotificationsObject,
        last_seq: Seq,
    }
    let UnreadState { read_seq, unread_from_seq, last_seq, unread_count, mention_count, notifications } = *state;
    frame(&State {
        r#type: "conversation.state",
        conversation_id,
        read_seq,
        unread_from_seq,
        unread_count,
        mention_count,
        notifications: NotificationsObject::new(notifications),
        last_seq,
    })
}

/// Encodes that a user has saved a message at this time, or has it saved no more, for the user's devices.
pub fn saved(conversation_id: ConversationId, message_id: MessageId, saved_at: Option<Timestamp>) -> Bytes {
    #[derive(Serialize)]
    struct Change {
        r#type: &'static str,
        conversation_id: ConversationId,
        message_id: MessageId,
        #[serde(skip_serializing_if = "Option::is_none")]
        saved_at: Option<Timestamp>,
    }
    let r#type = if saved_at.is_some() { "message.saved" } else { "message.unsaved" };
    frame(&Change { r#type, conversation_id, message_id, saved_at })
}

/// Encodes a user's settings, for the user's devices.
pub fn settings_updated(settings: MySettings) -> Bytes {
    #[derive(Serialize)]
    struct Updated {
        r#type: &'static str,
        settings: MySettingsObject,
    }
    frame(&Updated { r#type: "settings.updated", settings: MySettingsObject::new(settings) })
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
