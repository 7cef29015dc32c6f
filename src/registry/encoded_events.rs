//! Events that are delivered together.

use bytes::Bytes;

use crate::domain::{ConversationId, Seq};

/// Events of one conversation that follow each other without a hole, encoded.
#[derive(Clone, Debug)]
pub struct EncodedEvents {
    /// Where.
    pub conversation_id: ConversationId,
    /// The number of the first.
    pub first_seq: Seq,
    /// The frames, one after the other.
    pub frames: Bytes,
    /// Where each frame ends in `frames`.
    pub ends: Vec<usize>,
}

impl EncodedEvents {
    /// The number of the last event.
    pub fn last_seq(&self) -> Seq {
        self.first_seq + Seq::try_from(self.ends.len()).unwrap_or(0) - 1
    }

    /// The frames of the events after `from`, which is not before the first.
    pub(super) fn after(&self, from: Seq) -> Option<Bytes> {
        let skipped = usize::try_from(from - self.first_seq).ok()?;
        let start = *self.ends.get(skipped)?;
        (start < self.frames.len()).then(|| self.frames.slice(start..))
    }
}
