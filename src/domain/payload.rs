//! Public fields that the domain does not read: of an event besides its message, of a message besides its columns.

/// Public fields: the text of a JSON object. The stores keep it and nodes pass it on, whether they know the fields or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload(Box<str>);

impl Payload {
    /// A payload that a store kept.
    pub fn from_trusted(json: String) -> Self {
        Self(json.into())
    }

    /// The JSON object.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
