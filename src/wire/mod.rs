//! JSON in and out, as `docs/protocol.md` specifies it. A frame for many recipients is encoded once.

pub mod answer;
pub mod client_frame;
pub mod close;
pub mod cursor;
mod field_errors;
pub mod frames;
pub mod framing;
pub mod history;
pub mod input;
pub mod leaving;
pub mod list;
pub mod message;
pub mod objects;
pub mod problem;
pub mod report;
pub mod requests;

use serde::Deserialize;

use crate::domain::{Code, Error, Result};
use crate::limits;
use field_errors::JsonObject;

/// Parses a JSON object. Fails with `malformed` when the text is not JSON, and with `invalid` and the fields when the JSON has another
/// shape.
pub fn parse<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T> {
    let parsed = serde_json::from_str(text);
    // serde also takes an array for a struct, by the order of its fields. The protocol does not promise that order.
    if !text.trim_ascii_start().starts_with('{') {
        return Err(match parsed {
            Err(cause) if !cause.is_data() => not_json(&cause),
            _ => Error::new(Code::Invalid, "This takes a JSON object."),
        });
    }
    parsed.map_err(|cause| if cause.is_data() { refusal_of::<T>(text, &cause) } else { not_json(&cause) })
}

/// Returns the error of a JSON object, with its fields. Parses the object again, because this is slow and most objects are fine.
fn refusal_of<'de, T: Deserialize<'de>>(text: &'de str, cause: &serde_json::Error) -> Error {
    let refusal = field_errors::refusal::<T, _>(|| JsonObject(text));
    refusal.unwrap_or_else(|| Error::new(Code::Invalid, shorten(&cause.to_string())))
}

/// Turns an error of serde into the domain's, with the field.
fn to_domain_error(error: serde_path_to_error::Error<serde_json::Error>) -> Error {
    if error.inner().is_data() {
        return invalid_field(error.path().to_string(), error.inner());
    }
    not_json(error.inner())
}

fn not_json(cause: &serde_json::Error) -> Error {
    Error::new(Code::Malformed, format!("This is not JSON: {cause}."))
}

/// Names the field. For a missing field serde gives the text "missing field `name` at line 1 column 2" and the path of its object, and for
/// one that comes twice the like.
fn invalid_field(path: String, cause: &serde_json::Error) -> Error {
    let text = cause.to_string();
    let detail = text.split(" at line ").next().unwrap_or_default().to_owned();
    let named = |prefix| detail.strip_prefix(prefix).and_then(|rest| rest.strip_suffix('`')).map(str::to_owned);
    match (named("missing field `"), named("duplicate field `")) {
        (Some(field), _) => Error::field(field, "is missing"),
        (None, Some(field)) => Error::field(field, "is given twice"),
        (None, None) => Error::field(shorten(&path), plain(&detail)),
    }
}

/// Returns serde's text in the words of JSON instead of Rust's.
fn plain(detail: &str) -> String {
    if detail.starts_with("UUID parsing failed") {
        return "takes an id: a UUID".to_owned();
    }
    let Some((found, expected)) = detail.rsplit_once(", expected ") else { return shorten(detail) };
    let expected = match expected {
        "i64" | "u64" | "usize" => "a whole number",
        "a sequence" => "an array",
        "a map" => "an object",
        _ if expected.starts_with("struct ") => "an object",
        _ => expected,
    };
    format!("{}, expected {}", shorten(found), shorten(expected))
}

/// Returns the start of a client's text, as an error repeats it.
pub fn shorten(text: &str) -> String {
    match text.char_indices().nth(limits::REPEATED_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::client_frame::ClientFrame;
    use super::parse;
    use crate::domain::Code;
    use crate::limits::REPEATED_CHARS_MAX;
    use crate::wire::requests::sessions::Login;

    #[test]
    fn an_error_of_shape_names_the_field() {
        let refused = |text: &str| parse::<Login>(text).map(|_| ()).expect_err("must be refused");
        for text in [
            "",
            "{",
            "{\"username\"",
            "nonsense",
            "{\"username\":\"a\",\"password\":\"b\"} x",
            "{\"username\":\"\u{1}\"}",
        ] {
            assert_eq!(refused(text).code, Code::Malformed, "{text}");
        }
        let wrong = refused(r#"{"username":1,"password":"b"}"#);
        assert_eq!((wrong.code, wrong.fields[0].field.as_ref()), (Code::Invalid, "username"));
        let both = refused(r#"{"username":1}"#);
        let named: Vec<_> = both.fields.iter().map(|field| field.field.as_ref()).collect();
        assert_eq!((named.as_slice(), both.detail.matches(';').count()), (&["username", "password"][..], 1), "{both}");
        let missing = refused(r#"{"username":"a"}"#);
        assert_eq!((missing.code, missing.fields[0].field.as_ref()), (Code::Invalid, "password"));
        for text in [r#"["a","b"]"#, "17", "null"] {
            assert_eq!(refused(text).code, Code::Invalid, "{text}");
        }
    }

    #[test]
    fn errors_speak_of_json_and_not_of_rust() {
        let detail =
            |text: &str| parse::<ClientFrame<'_>>(text).err().expect("must be refused").fields[0].detail.to_string();
        let frame = |field: &str, value: &str| detail(&format!(r#"{{"type":"x","{field}":{value}}}"#));
        assert_eq!(frame("message_id", "\"nope\""), "takes an id: a UUID");
        assert_eq!(frame("content", "[1]"), "invalid type: sequence, expected a string");
        assert_eq!(frame("conversations", "[]"), "invalid type: sequence, expected an object");
        let of_seq = frame("conversations", r#"{"0199a000-0000-7000-8000-000000000000":"x"}"#);
        assert_eq!(of_seq, "invalid type: string \"x\", expected a whole number, or an object of `seq` and `id`");
    }

    #[test]
    fn an_error_repeats_only_the_beginning_of_a_text() {
        let long = "\\u007f".repeat(20_000);
        let frame = format!(r#"{{"type":"x","conversations":{{"0199a000-0000-7000-8000-000000000000":"{long}"}}}}"#);
        let refused = parse::<ClientFrame<'_>>(&frame).err().expect("must be refused");
        let length = refused.fields[0].detail.len();
        assert!((REPEATED_CHARS_MAX..3 * REPEATED_CHARS_MAX).contains(&length), "{length}");
    }
}
