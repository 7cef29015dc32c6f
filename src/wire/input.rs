//! The input of an operation: fields of the path and the query, and the members of a JSON object.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IgnoredAny, IntoDeserializer, MapAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::Error as JsonError;
use serde_json::value::RawValue;

use super::field_errors::refusal;
use super::not_json;
use crate::domain::{Code, ConversationId, Error, Result};

/// Returns true if a JSON object names a conversation other than this. Errors of its other members are found when it is parsed as an input.
pub fn names_another_conversation(object: &str, id: ConversationId) -> bool {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        conversation_id: Option<&'a RawValue>,
    }
    let named = serde_json::from_str::<Named<'_>>(object).ok().and_then(|named| named.conversation_id);
    named.is_some_and(|named| serde_json::from_str(named.get()).ok() != Some(id))
}

/// The input of an operation. A field takes precedence over a member of the same name.
#[derive(Debug, Default)]
pub struct Input {
    /// Decoded fields of the path and the query.
    pub fields: Vec<(Cow<'static, str>, String)>,
    /// A JSON object, or no bytes.
    pub body: Bytes,
}

impl Input {
    /// Parses the input. Fails with `malformed` when the body is not JSON, which is UTF-8, and with `invalid` and the fields when the input has
    /// another shape.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        if str::from_utf8(&self.body).is_err() {
            // The parser would skip bytes that are not UTF-8 in a field that no type has.
            return Err(Error::new(Code::Malformed, "This is not JSON: it is not UTF-8."));
        }
        let is_object = self.body.is_empty() || self.body.trim_ascii_start().first() == Some(&b'{');
        if !is_object {
            // Parsed as the type, JSON of another shape is `invalid` from its first value on, even if it is cut off later.
            return Err(match serde_json::from_slice::<T>(&self.body) {
                Err(cause) if !cause.is_data() => not_json(&cause),
                _ => Error::new(Code::Invalid, "This takes a JSON object."),
            });
        }
        T::deserialize(self).map_err(|cause| refusal::<T, _>(|| self).unwrap_or_else(|| not_json(&cause)))
    }
}

impl<'de> Deserializer<'de> for &'de Input {
    type Error = JsonError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        let members = Fields { fields: &self.fields, next: 0 };
        if self.body.is_empty() {
            return visitor.visit_map(members);
        }
        let mut json = serde_json::Deserializer::from_slice(&self.body);
        let value = json.deserialize_map(Merge { visitor, fields: members })?;
        json.end()?;
        Ok(value)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

/// Reads the fields one after the other, from `next` on.
struct Fields<'de> {
    fields: &'de [(Cow<'static, str>, String)],
    next: usize,
}

impl Fields<'_> {
    fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(field, _)| field == name)
    }
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = JsonError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, JsonError> {
        let field = self.fields.get(self.next);
        field.map(|(name, _)| seed.deserialize(StrDeserializer::new(name))).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, JsonError> {
        let (_, value) = self.fields.get(self.next).ok_or_else(|| JsonError::custom("a value without its name"))?;
        self.next += 1;
        seed.deserialize(Text(value))
    }
}

/// A field's value, which can also fill an `Option`.
struct Text<'de>(&'de str);

impl<'de> Deserializer<'de> for Text<'de> {
    type Error = JsonError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, JsonError> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        enum identifier ignored_any
    }
}

/// Visits the fields, and then the members of a JSON object whose names no field has.
struct Merge<'de, V> {
    visitor: V,
    fields: Fields<'de>,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Merge<'de, V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(formatter)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(Merged { fields: self.fields, members })
    }
}

struct Merged<'de, A> {
    fields: Fields<'de>,
    members: A,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Merged<'de, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        if let Some((name, _)) = self.fields.fields.get(self.fields.next) {
            return seed.deserialize(StrDeserializer::new(name)).map(Some);
        }
        while let Some(name) = self.members.next_key::<Cow<'de, str>>()? {
            if !self.fields.has(&name) {
                return seed.deserialize(name.into_deserializer()).map(Some);
            }
            self.members.next_value::<IgnoredAny>()?;
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        match self.fields.fields.get(self.fields.next) {
            Some((_, value)) => {
                self.fields.next += 1;
                seed.deserialize(Text(value)).map_err(A::Error::custom)
            }
            None => self.members.next_value_seed(seed),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::Input;
    use crate::domain::{Code, UserId};

    #[derive(Debug, Deserialize, PartialEq)]
    struct Named {
        user_id: UserId,
        name: Option<String>,
        #[serde(default)]
        tags: Vec<String>,
    }

    fn input(fields: &[(&'static str, &str)], body: &str) -> Input {
        let fields = fields.iter().map(|(name, value)| ((*name).into(), (*value).to_owned())).collect();
        Input { fields, body: body.to_owned().into() }
    }

    #[test]
    fn fields_take_precedence_over_members() {
        let id = UserId::new();
        let expected = Named { user_id: id, name: Some("Ada".to_owned()), tags: vec!["a".to_owned()] };
        let text = id.to_string();
        let fields = [("user_id", text.as_str())];
        for body in [
            r#"{"name":"Ada","tags":["a"]}"#.to_owned(),
            r#"{"user_id":7,"name":"Ada","tags":["a"],"more":{}}"#.to_owned(),
        ] {
            assert_eq!(input(&fields, &body).parse::<Named>().as_ref(), Ok(&expected), "{body}");
        }
    }

    #[test]
    fn an_error_of_shape_names_the_field() {
        let text = UserId::new().to_string();
        let refused = |fields: &[(&'static str, &str)], body: &str| {
            let error = input(fields, body).parse::<Named>().expect_err("must be refused");
            (error.code, error.fields.first().map(|field| field.field.to_string()))
        };
        let named = |field: &str| (Code::Invalid, Some(field.to_owned()));
        assert_eq!(refused(&[], ""), named("user_id"));
        assert_eq!(refused(&[], r#"{"name":"x"}"#), named("user_id"));
        assert_eq!(refused(&[("user_id", "x")], ""), named("user_id"));
        assert_eq!(refused(&[("user_id", &text)], r#"{"name":7}"#), named("name"));
        assert_eq!(refused(&[("user_id", &text)], r#"{"tags":["a",7]}"#), named("tags[1]"));
        assert_eq!(refused(&[("user_id", &text)], r#"{"name":"a","name":"b"}"#).0, Code::Invalid, "twice");
        for body in ["[]", "7", "null", r#""x""#, "[[[["] {
            assert_eq!(refused(&[("user_id", &text)], body), (Code::Invalid, None), "{body}");
        }
        for body in ["{", "{} x", "nonsense", "tru", r#"{"name":"\ud83d"}"#] {
            assert_eq!(refused(&[("user_id", &text)], body), (Code::Malformed, None), "{body}");
        }
    }
}
