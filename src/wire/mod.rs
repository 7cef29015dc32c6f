//! JSON in and out, as `docs/protocol.md` specifies it. A frame for many recipients is encoded once.

pub mod answer;
pub mod client_frame;
pub mod close;
pub mod cursor;
pub mod frames;
pub mod framing;
pub mod history;
pub mod input;
pub mod list;
pub mod message;
pub mod objects;
pub mod problem;
pub mod requests;

use serde::Deserialize;

use crate::domain::{Code, Error, Result};

/// Parses a JSON object. Fails with `malformed` when the bytes are not JSON, and with `invalid` and the field when the JSON has another
/// shape.
pub fn parse<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T> {
    let value = serde_json::from_slice(bytes).map_err(|_| locate_error::<T>(bytes))?;
    // serde also takes an array for a struct, by the order of its fields. The protocol does not promise that order.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Error::new(Code::Invalid, "This takes a JSON object."));
    }
    Ok(value)
}

/// Returns the error of a JSON object, with the field. Parses the object once more, because this is slow and most objects are fine.
fn locate_error<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Error {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    match serde_path_to_error::deserialize::<_, T>(&mut reader) {
        Err(error) => to_domain_error(error),
        // The object is fine, and other characters follow it.
        Ok(_) => Error::new(Code::Malformed, "This is not JSON: trailing characters."),
    }
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

/// Names the field. For a missing field serde gives the text "missing field `name` at line 1 column 2" and the path of its object.
fn invalid_field(path: String, cause: &serde_json::Error) -> Error {
    let text = cause.to_string();
    let detail = text.split(" at line ").next().unwrap_or_default().to_owned();
    let missing = detail.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
    match missing {
        Some(field) => Error::field(field.to_owned(), "is missing"),
        None => Error::field(path, detail),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::domain::Code;
    use crate::wire::requests::Login;

    #[test]
    fn an_error_of_shape_names_the_field() {
        let refused = |text: &str| parse::<Login>(text.as_bytes()).map(|_| ()).expect_err("must be refused");
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
        let missing = refused(r#"{"username":"a"}"#);
        assert_eq!((missing.code, missing.fields[0].field.as_ref()), (Code::Invalid, "password"));
        for text in [r#"["a","b"]"#, "17", "null"] {
            assert_eq!(refused(text).code, Code::Invalid, "{text}");
        }
    }
}
