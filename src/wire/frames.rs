//! The frames of the WebSocket: those that clients send, and those that the server sends.

use std::collections::HashMap;
use std::fmt;

use bytes::Bytes;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use super::framing;
use super::message::{self, write_message};
use super::objects::{ConversationObject, MemberObject, MessageStatus, UserObject};
use super::problem::ErrorFrame;
use crate::domain::conversation::{Conversation, Member};
use crate::domain::event::{Event, EventKind};
use crate::domain::message::Message;
use crate::domain::user::{Status, User};
use crate::domain::{ConnectionId, ConversationId, Error, MessageId, Seq, UserId};
use crate::limits;

/// A client's frame: one flat shape for all types. `type` decides which fields are used.
#[derive(Deserialize)]
pub struct ClientFrame<'a> {
    /// The name of a frame or of an operation.
    pub r#type: String,
    /// The answer repeats it.
    pub r#ref: Option<String>,
    /// Not needed on `/ws/{conversation_id}`.
    pub conversation_id: Option<ConversationId>,
    /// An operation's input: a JSON object.
    #[serde(borrow)]
    pub input: Option<&'a RawValue>,
    /// `message.send`: the message's id, chosen by the client.
    pub id: Option<MessageId>,
    /// `message.edit`, `message.delete`: the message.
    pub message_id: Option<MessageId>,
    /// `message.send`, `message.edit`: the text.
    pub content: Option<String>,
    /// `message.send`: only `text` is supported.
    pub message_type: Option<String>,
    /// `message.send`: the message that it answers.
    pub reply_to: Option<MessageId>,
    /// `resume`: for each conversation the number after which events are missing.
    pub conversations: Option<HashMap<ConversationId, Seq>>,
    /// `auth`: an access token.
    pub token: Option<String>,
}

/// The fields by which a client recognises the answer to its frame, as far as a refused frame has them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reference {
    /// `ref`, or without one `id` or `message_id`. At most [`limits::REF_CHARS_MAX`] characters.
    pub reference: Option<String>,
    /// The conversation of the frame.
    pub conversation_id: Option<ConversationId>,
}

impl Reference {
    /// Finds the members in a frame that cannot be parsed as a [`ClientFrame`]. Its other members can be wrong, but it must be a JSON
    /// object.
    pub fn skim(text: &str) -> Self {
        let mut reader = serde_json::Deserializer::from_str(text);
        reader.deserialize_map(Skimmer).unwrap_or_default()
    }

    /// Returns a `ref` as the answer repeats it.
    pub fn shorten(reference: String) -> String {
        if reference.len() <= limits::REF_CHARS_MAX {
            reference
        } else {
            reference.chars().take(limits::REF_CHARS_MAX).collect()
        }
    }
}

struct Skimmer;

impl<'de> Visitor<'de> for Skimmer {
    type Value = Reference;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Reference, A::Error> {
        let mut values = [None; 4];
        // As raw JSON, since a name too can have half a surrogate pair.
        while let Some(name) = members.next_key::<&RawValue>()? {
            let name = serde_json::from_str::<String>(name.get()).unwrap_or_default();
            match ["ref", "id", "message_id", "conversation_id"].iter().position(|known| *known == name) {
                Some(index) => values[index] = Some(members.next_value::<&RawValue>()?),
                None => _ = members.next_value::<IgnoredAny>()?,
            }
        }
        let text = |raw: Option<&RawValue>| serde_json::from_str::<String>(raw?.get()).ok();
        let [reference, id, message_id, conversation_id] = values;
        let reference = text(reference).or_else(|| text(id)).or_else(|| text(message_id)).map(Reference::shorten);
        let conversation_id = text(conversation_id).and_then(|id| ConversationId::parse(&id));
        Ok(Reference { reference, conversation_id })
    }
}

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
    pub member: Option<(Member, Status)>,
    /// For an event of the conversation.
    pub conversation: Option<Conversation>,
}

/// Appends the frame of a numbered event.
pub fn write_event(out: &mut Vec<u8>, event: &Event, details: &EventDetails) {
    framing::write_text_frame_with(out, |out| {
        write_event_start(out, &event.kind, event.conversation_id, Some(event.seq), event.message.as_ref());
        if let Some((member, status)) = &details.member {
            write_field(out, ",\"member\":", &MemberObject::new(member, *status));
        }
        if let Some(conversation) = &details.conversation {
            write_field(out, ",\"conversation\":", &ConversationObject::new(conversation));
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
        user: UserObject::new(user, Status::Online),
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

/// Encodes the users who are online, for a connection that is being set up.
pub fn presence_state(
    conversation_id: Option<ConversationId>,
    online: &[UserId],
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
    let status = super::objects::status_word(Status::Online);
    let users = Entries(online.iter().map(|id| (*id, status)).collect());
    frame(&State { r#type: "presence.state", conversation_id, users, online_count })
}

/// Encodes the users whose presence changed since the last diff.
pub fn presence_diff(online: &[UserId], offline: &[UserId]) -> Bytes {
    #[derive(Serialize)]
    struct Diff<'a> {
        r#type: &'static str,
        online: &'a [UserId],
        away: [UserId; 0],
        offline: &'a [UserId],
    }
    frame(&Diff { r#type: "presence.diff", online, away: [], offline })
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
pub fn resumed(
    conversation_id: ConversationId,
    last_seq: Seq,
    receipts: &[(UserId, Seq, Seq)],
    reference: Option<&str>,
) -> Bytes {
    #[derive(Serialize)]
    struct Receipt {
        delivered_seq: Seq,
        read_seq: Seq,
    }
    #[derive(Serialize)]
    struct Resumed<'a> {
        r#type: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        r#ref: Option<&'a str>,
        conversation_id: ConversationId,
        last_seq: Seq,
        receipts: Entries<UserId, Receipt>,
    }
    let receipts = receipts
        .iter()
        .map(|&(user_id, delivered_seq, read_seq)| (user_id, Receipt { delivered_seq, read_seq }))
        .collect();
    let receipts = Entries(receipts);
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

#[cfg(test)]
mod tests {
    use super::Reference;
    use crate::domain::ConversationId;

    #[test]
    fn a_refused_frame_is_searched_for_its_reference() {
        let id = ConversationId::new();
        let reference = |text: &str| Reference::skim(text).reference;
        assert_eq!(reference(r#"{"ref":"a","type":7}"#).as_deref(), Some("a"));
        assert_eq!(reference(r#"{"content":"\ud83d","ref":"a"}"#).as_deref(), Some("a"), "half an emoji");
        assert_eq!(reference(r#"{"\ud83d":1,"\u0072ef":"a"}"#).as_deref(), Some("a"), "half an emoji in a name");
        assert_eq!(reference(r#"{"ref":"a","type":"x","type":"x"}"#).as_deref(), Some("a"), "twice");
        assert_eq!(reference(r#"{"ref":1,"id":"b"}"#).as_deref(), Some("b"));
        assert_eq!(reference(r#"{"message_id":"c","ref":null}"#).as_deref(), Some("c"));
        for text in ["", "{", "[]", "7", r#"{"ref":"a""#, r#"["ref","a"]"#] {
            assert_eq!(Reference::skim(text), Reference::default(), "{text}");
        }
        assert_eq!(Reference::skim(&format!(r#"{{"conversation_id":"{id}"}}"#)).conversation_id, Some(id));
    }
}
