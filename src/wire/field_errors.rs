//! Finds all fields of an object that have the wrong shape. serde stops at the first one.
//!
//! The object is parsed again and again. Each time, the fields that were refused before have a value of the type that is asked for, so
//! that the next one is found. Only fields that a type has can be refused, which bounds the work. Most objects are fine and are parsed once.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::Error as JsonError;
use uuid::Uuid;

use super::to_domain_error;
use crate::domain::{Code, Error};

/// Returns the error of an object that `T` refuses, with all its fields. `None` if `T` takes it. `object` returns the object's deserializer.
pub(super) fn refusal<'de, T, D>(object: impl Fn() -> D) -> Option<Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de, Error = JsonError>,
{
    let mut names: Vec<String> = Vec::new();
    let mut refused: Option<Error> = None;
    loop {
        let error = serde_path_to_error::deserialize::<_, T>(Mended { object: object(), names: &names }).err();
        let Some(error) = error.map(to_domain_error) else { return refused };
        let field = error.fields.first().map(|field| &field.field);
        let name = field.and_then(|field| field.split(['.', '[']).next()).unwrap_or_default().to_owned();
        // An error of the whole object, or one that the other value does not mend.
        if name.is_empty() || names.contains(&name) || error.code != Code::Invalid {
            return refused.or(Some(error));
        }
        names.push(name);
        refused = Some(match refused {
            Some(before) => Error::from([before.fields, error.fields].concat()),
            None => error,
        });
    }
}

/// The text of a JSON object.
#[derive(Clone, Copy)]
pub(super) struct JsonObject<'de>(pub(super) &'de str);

impl<'de> Deserializer<'de> for JsonObject<'de> {
    type Error = JsonError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        let mut json = serde_json::Deserializer::from_str(self.0);
        let value = json.deserialize_map(visitor)?;
        json.end()?;
        Ok(value)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

/// An object in which fields of these names have a value that fits.
struct Mended<'a, D> {
    object: D,
    names: &'a [String],
}

impl<'de, D: Deserializer<'de, Error = JsonError>> Deserializer<'de> for Mended<'_, D> {
    type Error = JsonError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        self.object.deserialize_map(MendedVisitor { visitor, names: self.names })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

struct MendedVisitor<'a, V> {
    visitor: V,
    names: &'a [String],
}

impl<'de, V: Visitor<'de>> Visitor<'de> for MendedVisitor<'_, V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(formatter)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(MendedMembers { members, names: self.names, given: 0 })
    }
}

/// The members: first those that were refused, with another value, and then the others.
struct MendedMembers<'a, A> {
    members: A,
    names: &'a [String],
    /// The number of `names` that were given.
    given: usize,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for MendedMembers<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        if let Some(name) = self.names.get(self.given) {
            return seed.deserialize(StrDeserializer::new(name)).map(Some);
        }
        // Behind the last of them.
        self.given = self.names.len() + 1;
        while let Some(name) = self.members.next_key::<Cow<'de, str>>()? {
            if !self.names.iter().any(|mended| *mended == name) {
                return seed.deserialize(name.into_deserializer()).map(Some);
            }
            self.members.next_value::<IgnoredAny>()?;
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        if self.given < self.names.len() {
            self.given += 1;
            return seed.deserialize(Filler).map_err(serde::de::Error::custom);
        }
        self.members.next_value_seed(seed)
    }
}

/// A value of every type that a field can have.
struct Filler;

impl<'de> Deserializer<'de> for Filler {
    type Error = JsonError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        visitor.visit_u64(1)
    }

    /// The text is an id, too.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        visitor.visit_str(&Uuid::nil().to_string())
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        visitor.visit_bool(false)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        visitor.visit_none()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, JsonError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        visitor.visit_seq(serde::de::value::SeqDeserializer::<_, JsonError>::new(std::iter::empty::<u64>()))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        visitor.visit_map(serde::de::value::MapDeserializer::<_, JsonError>::new(std::iter::empty::<(u64, u64)>()))
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde::Deserialize;

    use super::{JsonObject, refusal};
    use crate::domain::{Code, UserId};
    use crate::wire::requests::{PageLimit, SeqInput};

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only its shape counts")]
    struct Every {
        text: String,
        id: UserId,
        ids: Vec<UserId>,
        map: HashMap<UserId, i64>,
        maybe: Option<String>,
        flag: bool,
        limit: PageLimit,
        seq: Option<SeqInput>,
    }

    fn refused(object: &str) -> Option<(Code, Vec<String>)> {
        let error = refusal::<Every, _>(|| JsonObject(object))?;
        Some((error.code, error.fields.iter().map(|field| field.field.to_string()).collect()))
    }

    #[test]
    fn all_fields_of_a_wrong_shape_are_named() {
        let all = ["text", "id", "ids", "map", "maybe", "flag", "limit", "seq"];
        let every_wrong =
            r#"{"text":1,"id":"x","ids":{},"map":[],"maybe":{},"flag":"no","limit":0,"seq":-1,"other":[1]}"#;
        assert_eq!(refused(every_wrong), Some((Code::Invalid, all.map(str::to_owned).to_vec())));
        let missing = ["text", "id", "ids", "map", "flag"];
        assert_eq!(refused(r#"{"limit":1}"#), Some((Code::Invalid, missing.map(str::to_owned).to_vec())));
        let some = r#"{"limit":"7","other":1,"ids":["x"],"text":"a","text":"b","flag":true,"map":{}}"#;
        let expected = ["ids[0]", "text", "id"].map(str::to_owned).to_vec();
        assert_eq!(refused(some), Some((Code::Invalid, expected)));
        let fine = r#"{"text":"","id":"00000000-0000-0000-0000-000000000001","ids":[],"map":{},"flag":true,"limit":1}"#;
        assert_eq!(refused(fine), None);
    }

    #[test]
    fn what_is_not_json_is_malformed() {
        assert_eq!(refused("{"), Some((Code::Malformed, Vec::new())));
        assert_eq!(refused(r#"{"text":1"#), Some((Code::Invalid, vec!["text".to_owned()])), "as far as it was read");
    }
}
