//! The frames of the WebSocket: what clients say and what they are told.

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

/// A client's frame: one flat shape, of which `type` says which fields count.
#[derive(Deserialize)]
pub struct ClientFrame<'a> {
    /// The name of a frame or of an operation.
    pub r#type: String,
    /// Repeated by the answer.
    pub r#ref: Option<String>,
    /// The conversation; the address gives it on `/ws/{conversation_id}`.
    pub conversation_id: Option<ConversationId>,
    /// An operation's input: a JSON object.
    #[serde(borrow)]
    pub input: Option<&'a RawValue>,
    /// `message.send`: the client's choice.
    pub id: Option<MessageId>,
    /// `message.edit`, `message.delete`: the message.
    pub message_id: Option<MessageId>,
    /// `message.send`, `message.edit`: the text.
    pub content: Option<String>,
    /// `message.send`: `text`, if it is given.
    pub message_type: Option<String>,
    /// `message.send`: the message that it answers.
    pub reply_to: Option<MessageId>,
    /// `resume`: after which number in which conversations.
    pub conversations: Option<HashMap<ConversationId, Seq>>,
    /// `auth`: an access token.
    pub token: Option<String>,
}

/// The members by which a client recognises the answer to its frame, as far as a frame that was refused gives them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reference {
    /// `ref`, or without one `id` or `message_id`. At most [`limits::REF_CHARS_MAX`] characters.
    pub reference: Option<String>,
    /// The conversation.
    pub conversation_id: Option<ConversationId>,
}

impl Reference {
    /// Skims a frame that could not be read. What is wrong with its other members does not matter, as long as it is a JSON object.
    pub fn skim(text: &str) -> Self {
        let mut reader = serde_json::Deserializer::from_str(text);
        reader.deserialize_map(Skimmer).unwrap_or_default()
    }

    /// The `ref` as it is repeated.
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
        let mut found = [None; 4];
        // As raw JSON, since half a surrogate pair may stand in a name as well.
        while let Some(name) = members.next_key::<&RawValue>()? {
            let name = serde_json::from_str::<String>(name.get()).unwrap_or_default();
            match ["ref", "id", "message_id", "conversation_id"].iter().position(|known| *known == name) {
                Some(place) => found[place] = Some(members.next_value::<&RawValue>()?),
                None => _ = members.next_value::<IgnoredAny>()?,
            }
        }
        let text = |raw: Option<&RawValue>| serde_json::from_str::<String>(raw?.get()).ok();
        let [reference, id, message_id, conversation_id] = found;
        let reference = text(reference).or_else(|| text(id)).or_else(|| text(message_id)).map(Reference::shorten);
        let conversation_id = text(conversation_id).and_then(|id| ConversationId::parse(&id));
        Ok(Reference { reference, conversation_id })
    }
}

/// A text frame of `value`'s JSON.
fn frame(value: &impl Serialize) -> Bytes {
    let mut out = Vec::with_capacity(256);
    write_frame(&mut out, value);
    out.into()
}

fn write_frame(out: &mut Vec<u8>, value: &impl Serialize) {
    framing::write_text_frame_with(out, |out| {
        let start = out.len();
        // Strings, numbers, and maps with string keys always have a JSON form.
        if let Err(error) = serde_json::to_writer(&mut *out, value) {
            tracing::error!(%error, "a frame could not be encoded");
            out.truncate(start);
        }
    });
}

/// The member or the conversation that an event is about, as it is now.
#[derive(Default)]
pub struct EventDetails {
    /// With a member's events, unless they have left.
    pub member: Option<(Member, Status)>,
    /// With the conversation's.
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

/// Appends the beginning of an event, which stays open. By hand, like the message in it: every delivery goes through here.
fn write_event_start(
    out: &mut Vec<u8>,
    kind: &EventKind,
    conversation_id: ConversationId,
    seq: Option<Seq>,
    message: Option<&Message>,
) {
    message::write_raw(out, "{\"type\":");
    message::write_string(out, kind.as_str());
    message::write_id(out, b",\"conversation_id\":\"", conversation_id.0);
    message::write_raw(out, "\"");
    if let Some(seq) = seq {
        message::write_number(out, ",\"seq\":", seq);
    }
    if let Some(message) = message {
        message::write_raw(out, ",\"message\":");
        write_message(out, message, MessageStatus::Sent);
    }
}

fn write_field(out: &mut Vec<u8>, name: &str, value: &impl Serialize) {
    message::write_raw(out, name);
    // Strings, numbers and ids always have a JSON form, and a vector takes all of it.
    let _ = serde_json::to_writer(out, value);
}

/// A numbered event for one connection that is not subscribed to the conversation: the answer to its own command.
pub fn event(event: &Event) -> Bytes {
    let mut out = Vec::with_capacity(512);
    write_event(&mut out, event, &EventDetails::default());
    out.into()
}

/// The answer to a command that had been committed before: the message as it is now. A send's has its number; an edit or a deletion
/// that changed nothing has none.
pub fn duplicate(kind: &EventKind, message: &Message) -> Bytes {
    let is_change = matches!(kind, EventKind::MessageUpdated | EventKind::MessageDeleted);
    let mut out = Vec::with_capacity(512);
    framing::write_text_frame_with(&mut out, |out| {
        write_event_start(out, kind, message.conversation_id, (!is_change).then_some(message.seq), Some(message));
        message::write_raw(out, "}");
    });
    out.into()
}

/// The first frame.
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

/// `conversation.created` and `conversation.deleted`, to one user.
pub fn conversation_lifecycle(kind: &'static str, conversation: &Conversation, membership_version: i64) -> Bytes {
    #[derive(Serialize)]
    struct Told<'a> {
        r#type: &'static str,
        conversation_id: ConversationId,
        conversation: ConversationObject<'a>,
        membership_version: i64,
    }
    frame(&Told {
        r#type: kind,
        conversation_id: conversation.id,
        conversation: ConversationObject::new(conversation),
        membership_version,
    })
}

/// `conversation.deleted`, to somebody for whom a conversation is gone, and no event or object is there to tell it.
pub fn conversation_removed(conversation_id: ConversationId, membership_version: i64) -> Bytes {
    #[derive(Serialize)]
    struct Gone {
        r#type: &'static str,
        conversation_id: ConversationId,
        conversation: Option<()>,
        membership_version: i64,
    }
    frame(&Gone { r#type: "conversation.deleted", conversation_id, conversation: None, membership_version })
}

/// A JSON object of entries that are listed once each; no map is built for it.
struct Entries<K, V>(Vec<(K, V)>);

impl<K: Serialize, V: Serialize> Serialize for Entries<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

/// What is new since the last one, behind what it names.
pub fn heartbeat(heads: Vec<(ConversationId, Seq)>, membership_version: i64) -> Bytes {
    #[derive(Serialize)]
    struct Heartbeat {
        r#type: &'static str,
        heads: Entries<ConversationId, Seq>,
        membership_version: i64,
    }
    frame(&Heartbeat { r#type: "heartbeat", heads: Entries(heads), membership_version })
}

/// Who is there, to a connection that begins.
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
    let word = super::objects::status_word(Status::Online);
    let users = Entries(online.iter().map(|id| (*id, word)).collect());
    frame(&State { r#type: "presence.state", conversation_id, users, online_count })
}

/// Who came and who went since the last one.
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

/// The answer to an operation. `body` is JSON.
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

/// The end of a resume.
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

/// The answer to `ping`.
pub fn pong(reference: Option<&str>) -> Bytes {
    #[derive(Serialize)]
    struct Pong<'a> {
        r#type: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        r#ref: Option<&'a str>,
    }
    frame(&Pong { r#type: "pong", r#ref: reference })
}

/// The server is about to stop.
pub fn draining(reconnect_after_ms: u64) -> Bytes {
    #[derive(Serialize)]
    struct Draining {
        r#type: &'static str,
        reconnect_after_ms: u64,
    }
    frame(&Draining { r#type: "draining", reconnect_after_ms })
}

/// A frame that was refused.
pub fn error(error: &Error, reference: Option<&str>, conversation_id: Option<ConversationId>) -> Bytes {
    frame(&ErrorFrame::new(error, reference, conversation_id))
}

#[cfg(test)]
mod tests {
    use super::Reference;
    use crate::domain::ConversationId;

    #[test]
    fn a_refused_frame_is_skimmed_for_its_reference() {
        let id = ConversationId::new();
        let found = |text: &str| Reference::skim(text).reference;
        assert_eq!(found(r#"{"ref":"a","type":7}"#).as_deref(), Some("a"));
        assert_eq!(found(r#"{"content":"\ud83d","ref":"a"}"#).as_deref(), Some("a"), "half an emoji");
        assert_eq!(found(r#"{"\ud83d":1,"\u0072ef":"a"}"#).as_deref(), Some("a"), "half an emoji in a name");
        assert_eq!(found(r#"{"ref":"a","type":"x","type":"x"}"#).as_deref(), Some("a"), "twice");
        assert_eq!(found(r#"{"ref":1,"id":"b"}"#).as_deref(), Some("b"));
        assert_eq!(found(r#"{"message_id":"c","ref":null}"#).as_deref(), Some("c"));
        for text in ["", "{", "[]", "7", r#"{"ref":"a""#, r#"["ref","a"]"#] {
            assert_eq!(Reference::skim(text), Reference::default(), "{text}");
        }
        assert_eq!(Reference::skim(&format!(r#"{{"conversation_id":"{id}"}}"#)).conversation_id, Some(id));
    }
}
