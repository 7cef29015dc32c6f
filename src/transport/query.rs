//! The query of a request target.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::domain::{Code, Error, Result, Seq};
use crate::wire::shorten;

/// A query, not yet decoded.
#[derive(Clone, Debug, Default)]
pub struct Query(Option<String>);

impl Query {
    /// Creates a query from the part of a target after `?`.
    pub fn new(raw: Option<&str>) -> Self {
        Self(raw.map(str::to_owned))
    }

    /// Returns the length in bytes, including the `?`.
    pub fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |raw| 1 + raw.len())
    }

    /// Returns the decoded value of `name=…` (`application/x-www-form-urlencoded`). Returns `malformed` if it is not UTF-8, and `invalid` if
    /// there are two.
    pub fn get(&self, name: &str) -> Result<Option<String>> {
        let pairs = self.0.as_deref().unwrap_or_default().split('&');
        let mut values = pairs.filter_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key == name).then_some(value)
        });
        let first = values.next();
        if values.next().is_some() {
            return Err(repeated(name));
        }
        first.map(|value| decode(&value.replace('+', " "))).transpose()
    }

    /// Returns the value of `name` as a number from 0.
    pub fn seq(&self, name: &'static str) -> Result<Option<Seq>> {
        let number = |text: String| text.parse().ok().filter(|seq: &Seq| *seq >= 0);
        let refused = || Error::field(name, "takes a whole number from 0");
        self.get(name)?.map(|text| number(text).ok_or_else(refused)).transpose()
    }

    /// Returns every decoded `name=value`. Returns `malformed` if one is not UTF-8, and `invalid` if a name is repeated.
    pub fn pairs(&self) -> Result<Vec<(Cow<'static, str>, String)>> {
        let mut pairs: Vec<(Cow<'static, str>, String)> = Vec::new();
        for pair in self.0.as_deref().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if pairs.iter().any(|(known, _)| known == name) {
                return Err(repeated(name));
            }
            pairs.push((name.to_owned().into(), decode(&value.replace('+', " "))?));
        }
        Ok(pairs)
    }
}

/// The error for a name that is given twice. Client and server could take different ones of its values, and so could a proxy.
fn repeated(name: &str) -> Error {
    Error::field(shorten(name), "is given more than once")
}

/// Decodes percent-encoding. Returns `malformed` if a `%` is not followed by two hexadecimal digits, or if the bytes are not UTF-8.
pub fn decode(text: &str) -> Result<String> {
    let malformed = || Error::new(Code::Malformed, "The percent-encoding of the request target is not valid.");
    let valid = text.match_indices('%').all(|(index, _)| {
        text.as_bytes().get(index + 1..index + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    if !valid {
        return Err(malformed());
    }
    percent_decode_str(text).decode_utf8().map(String::from).map_err(|_| malformed())
}

#[cfg(test)]
mod tests {
    use super::Query;
    use crate::domain::Code;

    #[test]
    fn values_are_decoded() {
        let query = Query::new(Some("q=a+b%20c%C3%A9&limit=7&empty=&flag&&"));
        assert_eq!(query.get("q"), Ok(Some("a b cé".to_owned())));
        assert_eq!(query.get("empty"), Ok(Some(String::new())));
        assert_eq!(query.get("flag"), Ok(Some(String::new())));
        assert_eq!(query.get("none"), Ok(None));
        let pairs = query.pairs().expect("decoded");
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_ref(), value.as_str())).collect();
        assert_eq!(pairs, [("q", "a b cé"), ("limit", "7"), ("empty", ""), ("flag", "")]);
    }

    #[test]
    fn a_name_that_is_given_twice_is_refused() {
        let query = Query::new(Some("q=once&limit=1&q=twice"));
        assert_eq!(query.get("q").map_err(|error| error.code), Err(Code::Invalid));
        assert_eq!(query.get("limit"), Ok(Some("1".to_owned())));
        assert_eq!(query.pairs().map_err(|error| error.fields[0].field.to_string()), Err("q".to_owned()));
    }

    #[test]
    fn invalid_values_are_refused() {
        for raw in ["limit=%zz", "limit=%FF", "limit=%2"] {
            let query = Query::new(Some(raw));
            assert_eq!(query.pairs().map_err(|error| error.code), Err(Code::Malformed), "{raw}");
            assert_eq!(query.get("limit").map_err(|error| error.code), Err(Code::Malformed), "{raw}");
        }
        assert!(Query::new(Some("after_seq=-1")).seq("after_seq").is_err());
    }
}
