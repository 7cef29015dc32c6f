//! The frames that clients send over WebSocket, and what an answer repeats of one that cannot be read.

use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Unexpected, Visitor};
use serde_json::value::RawValue;

use super::requests::SeqInput;
use crate::domain::{ConversationId, MessageId, Seq};
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
    /// `message.read`, `message.delivered`: the number up to which events were read or received. `message.unread`: the number from which
    /// messages count as unread.
    pub seq: Option<SeqInput>,
    /// `resume`: for each conversation the event after which events are missing.
    pub conversations: Option<HashMap<ConversationId, ResumePoint>>,
    /// `auth`: an access token.
    pub token: Option<String>,
}

/// The last event that a client has of a conversation. In JSON `{seq, id}`, or the number alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResumePoint {
    /// The event's number. It is not checked yet.
    pub seq: Seq,
    /// The id of the event's message. Another id at this number shows that a backup was restored and the number was given again.
    pub id: Option<MessageId>,
}

impl<'de> Deserialize<'de> for ResumePoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Named {
            seq: Seq,
            id: Option<MessageId>,
        }
        struct PointVisitor;
        impl<'de> Visitor<'de> for PointVisitor {
            type Value = ResumePoint;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a whole number, or an object of `seq` and `id`")
            }
            fn visit_i64<E: Error>(self, seq: i64) -> Result<Self::Value, E> {
                Ok(ResumePoint { seq, id: None })
            }
            fn visit_u64<E: Error>(self, seq: u64) -> Result<Self::Value, E> {
                let seq = Seq::try_from(seq).map_err(|_| E::invalid_value(Unexpected::Unsigned(seq), &self))?;
                Ok(ResumePoint { seq, id: None })
            }
            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
                let Named { seq, id } = Named::deserialize(MapAccessDeserializer::new(members))?;
                Ok(ResumePoint { seq, id })
            }
        }
        deserializer.deserialize_any(PointVisitor)
    }
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

#[cfg(test)]
mod tests {
    use super::{Reference, ResumePoint};
    use crate::domain::{ConversationId, MessageId};

    #[test]
    fn a_resume_point_is_a_number_with_or_without_an_id() {
        let point = |text: &str| serde_json::from_str::<ResumePoint>(text).ok();
        let id = MessageId::new();
        assert_eq!(point("7"), Some(ResumePoint { seq: 7, id: None }));
        assert_eq!(point(r#"{"seq":7,"more":[]}"#), Some(ResumePoint { seq: 7, id: None }));
        assert_eq!(point(&format!(r#"{{"seq":7,"id":"{id}"}}"#)), Some(ResumePoint { seq: 7, id: Some(id) }));
        for other in
            ["7.5", "\"7\"", "null", "[7]", "{}", "9223372036854775808", r#"{"seq":"7"}"#, r#"{"seq":7,"id":8}"#]
        {
            assert_eq!(point(other), None, "{other}");
        }
    }

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
