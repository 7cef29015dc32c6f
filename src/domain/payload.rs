//! Public fields that the domain does not read: those of an event besides its message, and those of a message besides its columns.

/// Public fields as the text of a JSON object. The stores keep it and nodes pass it on, even if they do not know the fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload(Box<str>);

impl Payload {
    /// Takes JSON that this server wrote: that of a store, or what a rule has made.
    pub fn from_trusted(json: String) -> Self {
        Self(json.into())
    }

    /// Returns the JSON object.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
