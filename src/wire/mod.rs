//! JSON in and out, as `docs/protocol.md` has it; what goes to many is encoded once.

pub mod answer;
pub mod close;
pub mod cursor;
pub mod frames;
pub mod framing;
pub mod history;
pub mod input;
pub mod message;
pub mod objects;
pub mod problem;
pub mod requests;

use serde::Deserialize;

use crate::domain::{Code, Error, Result};

/// Reads a JSON object. Not JSON is `malformed`; JSON of another shape is `invalid` and names the field.
pub fn parse<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T> {
    let value = serde_json::from_slice(bytes).map_err(|_| refusal_of::<T>(bytes))?;
    // serde takes an array for a struct as well, by the order of its fields, which is nobody's promise.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Error::new(Code::Invalid, "This takes a JSON object."));
    }
    Ok(value)
}

/// What is wrong with a JSON object. It is read once more, slowly, to find where: most objects are fine.
fn refusal_of<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Error {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    match serde_path_to_error::deserialize::<_, T>(&mut reader) {
        Err(error) => refusal(error),
        // The object is fine, and something follows it.
        Ok(_) => Error::new(Code::Malformed, "This is not JSON: trailing characters."),
    }
}

/// The domain's word for JSON that was refused, and where.
fn refusal(error: serde_path_to_error::Error<serde_json::Error>) -> Error {
    if error.inner().is_data() {
        return wrong_shape(error.path().to_string(), error.inner());
    }
    not_json(error.inner())
}

fn not_json(cause: &serde_json::Error) -> Error {
    Error::new(Code::Malformed, format!("This is not JSON: {cause}."))
}

/// serde says "missing field `name` at line 1 column 2" with the path of the object that lacks it.
fn wrong_shape(path: String, cause: &serde_json::Error) -> Error {
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
    fn a_wrong_shape_names_the_field() {
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
