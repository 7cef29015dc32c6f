//! The query of a request's target.

use percent_encoding::percent_decode_str;

use crate::domain::{Code, Error, Result, Seq};
use crate::limits;

/// A query as it came.
#[derive(Clone, Debug, Default)]
pub struct Query(Option<String>);

impl Query {
    /// The part of a target behind `?`.
    pub fn new(raw: Option<&str>) -> Self {
        Self(raw.map(str::to_owned))
    }

    /// How long it is, the `?` included.
    pub fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |raw| 1 + raw.len())
    }

    /// The value of the first `name=…`, decoded (`application/x-www-form-urlencoded`); `malformed` if it is not UTF-8.
    pub fn get(&self, name: &str) -> Result<Option<String>> {
        let pairs = self.0.as_deref().unwrap_or_default().split('&');
        let mut values = pairs.filter_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key == name).then_some(value)
        });
        values.next().map(|value| decode(&value.replace('+', " "))).transpose()
    }

    /// A number, not negative.
    pub fn seq(&self, name: &'static str) -> Result<Option<Seq>> {
        let number = |text: String| text.parse().ok().filter(|seq: &Seq| *seq >= 0);
        let refused = || Error::field(name, "takes a whole number from 0");
        self.get(name)?.map(|text| number(text).ok_or_else(refused)).transpose()
    }

    /// How many items a page may have.
    pub fn limit(&self) -> Result<usize> {
        let refused = || Error::field("limit", format!("takes a whole number from 1 to {}", limits::PAGE_MAX));
        let number = |text: String| text.parse().ok().filter(|limit| (1..=limits::PAGE_MAX).contains(limit));
        let limit = self.get("limit")?.map(|text| number(text).ok_or_else(refused)).transpose()?;
        Ok(limit.unwrap_or(limits::PAGE_DEFAULT))
    }
}

/// Decodes percent-encoding, strictly: `malformed` if a `%` does not start one, or the bytes are not UTF-8.
pub fn decode(text: &str) -> Result<String> {
    let malformed = || Error::new(Code::Malformed, "The target's percent-encoding is not valid.");
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
        let query = Query::new(Some("q=a+b%20c%C3%A9&limit=7&empty=&flag"));
        assert_eq!(query.get("q"), Ok(Some("a b cé".to_owned())));
        assert_eq!(query.get("empty"), Ok(Some(String::new())));
        assert_eq!(query.get("flag"), Ok(Some(String::new())));
        assert_eq!(query.get("none"), Ok(None));
        assert_eq!(query.limit(), Ok(7));
    }

    #[test]
    fn nonsense_is_refused() {
        for (raw, code) in
            [("limit=%zz", Code::Malformed), ("limit=%FF", Code::Malformed), ("limit=%2", Code::Malformed)]
        {
            assert_eq!(Query::new(Some(raw)).limit().map_err(|error| error.code), Err(code), "{raw}");
        }
        for raw in ["limit=0", "limit=201", "limit=-1", "limit=x", "limit=99999999999999999999"] {
            assert_eq!(Query::new(Some(raw)).limit().map_err(|error| error.code), Err(Code::Invalid), "{raw}");
        }
        assert!(Query::new(Some("after_seq=-1")).seq("after_seq").is_err());
    }
}
