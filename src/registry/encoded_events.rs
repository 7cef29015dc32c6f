//! Encoded events that are delivered together.

use bytes::Bytes;

use crate::domain::{ConversationId, Seq};

/// The encoded events of one conversation, with consecutive numbers.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct EncodedEvents {
    pub conversation_id: ConversationId,
    /// The number of the first event.
    pub first_seq: Seq,
    /// The frames of all events, without gaps between them.
    pub frames: Bytes,
    /// The offset in `frames` at which each event's frame ends.
    pub ends: Vec<usize>,
}

impl EncodedEvents {
    /// The number of the last event.
    pub fn last_seq(&self) -> Seq {
        self.first_seq + Seq::try_from(self.ends.len()).unwrap_or(0) - 1
    }

    /// Splits the events in two halves. `None` if there is only one.
    pub fn halves(&self) -> Option<[Self; 2]> {
        let (first, second) = self.ends.split_at(self.ends.len() / 2);
        let middle = *first.last()?;
        Some([
            Self { frames: self.frames.slice(..middle), ends: first.to_vec(), ..*self },
            Self {
                first_seq: self.first_seq + Seq::try_from(first.len()).unwrap_or(0),
                frames: self.frames.slice(middle..),
                ends: second.iter().map(|end| end - middle).collect(),
                ..*self
            },
        ])
    }

    /// Returns the frames of the events after `cursor`, which is at least the first event's number. `None` if there are none.
    pub(super) fn after(&self, cursor: Seq) -> Option<Bytes> {
        let skipped = usize::try_from(cursor - self.first_seq).ok()?;
        let start = *self.ends.get(skipped)?;
        (start < self.frames.len()).then(|| self.frames.slice(start..))
    }
}
