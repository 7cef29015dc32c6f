//! A text frame with the JSON of a value.

use bytes::Bytes;
use serde::{Serialize, Serializer};

use crate::wire::framing;

/// Returns a text frame with the JSON of `value`.
pub(super) fn frame(value: &impl Serialize) -> Bytes {
    let mut out = Vec::with_capacity(256);
    write_frame(&mut out, value);
    out.into()
}

pub(super) fn write_frame(out: &mut Vec<u8>, value: &impl Serialize) {
    framing::write_text_frame_with(out, |out| {
        let start = out.len();
        // Strings, numbers, and maps with string keys can always be encoded.
        if let Err(error) = serde_json::to_writer(&mut *out, value) {
            tracing::error!(%error, "a frame could not be encoded");
            out.truncate(start);
        }
    });
}

/// A JSON object of distinct keys, encoded without building a map.
pub(super) struct Entries<K, V>(pub(super) Vec<(K, V)>);

impl<K: Serialize, V: Serialize> Serialize for Entries<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}
