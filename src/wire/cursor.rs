//! Opaque cursors: where the next page of a list starts.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;

use crate::domain::{ConversationId, Error, Result, Timestamp};

/// The cursor after a text key.
pub fn after_key(key: &str) -> String {
    BASE64.encode(key)
}

/// The text key of a cursor; `invalid` if it was not made here.
pub fn key(cursor: Option<&str>) -> Result<Option<String>> {
    cursor.map(|cursor| text(cursor).ok_or_else(refused)).transpose()
}

/// The cursor after a place in the order of latest activity.
pub fn after_activity((at, id): (Timestamp, ConversationId)) -> String {
    BASE64.encode(format!("{}.{id}", at.0))
}

/// The place in the order of latest activity of a cursor; `invalid` if it was not made here.
pub fn activity(cursor: Option<&str>) -> Result<Option<(Timestamp, ConversationId)>> {
    let parse = |cursor: &str| {
        let text = text(cursor)?;
        let (at, id) = text.split_once('.')?;
        Some((Timestamp(at.parse().ok().filter(|at| *at >= 0)?), ConversationId::parse(id)?))
    };
    cursor.map(|cursor| parse(cursor).ok_or_else(refused)).transpose()
}

fn text(cursor: &str) -> Option<String> {
    String::from_utf8(BASE64.decode(cursor).ok()?).ok().filter(|text| !text.contains('\0'))
}

fn refused() -> Error {
    Error::field("cursor", "takes the `next` of the page before")
}

#[cfg(test)]
mod tests {
    use super::{activity, after_activity, after_key, key};
    use crate::domain::{ConversationId, Timestamp};

    #[test]
    fn cursors_come_back_as_they_went() {
        let place = (Timestamp(1_700_000_000_000_000), ConversationId::new());
        assert_eq!(activity(Some(&after_activity(place))), Ok(Some(place)));
        assert_eq!(key(Some(&after_key("ada"))), Ok(Some("ada".to_owned())));
        assert_eq!(key(None), Ok(None));
    }

    #[test]
    fn made_up_cursors_are_refused() {
        for made_up in ["x", "AA", "!!!!", &after_key("1.2"), &after_key("\0"), ""] {
            assert!(activity(Some(made_up)).is_err(), "{made_up}");
        }
    }
}

#[cfg(test)]
#[path = "cursor_property_tests.rs"]
mod properties;
