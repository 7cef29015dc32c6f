//! Encoding: encodes a commit's events once for all recipients.

use std::collections::HashMap;

use crate::domain::event::Event;
use crate::domain::{ConversationId, Seq};
use crate::registry::EncodedEvents;
use crate::wire::frames::{self, EventDetails};

/// Encodes a commit's events, in commit order. Returns one item for each conversation. A conversation has more items if another
/// process numbered an event between two halves of a batch.
pub fn encode<'a>(events: impl Iterator<Item = &'a Event>) -> Vec<EncodedEvents> {
    struct Encoding {
        conversation_id: ConversationId,
        first_seq: Seq,
        next_seq: Seq,
        frames: Vec<u8>,
        ends: Vec<usize>,
    }
    let mut encodings: Vec<Encoding> = Vec::new();
    let mut newest: HashMap<ConversationId, usize> = HashMap::new();
    for event in events {
        let (conversation_id, seq) = (event.conversation_id, event.seq);
        let index = match newest.get(&conversation_id) {
            Some(&index) if encodings[index].next_seq == seq => index,
            _ => {
                let (frames, ends) = (Vec::with_capacity(512), Vec::new());
                encodings.push(Encoding { conversation_id, first_seq: seq, next_seq: seq, frames, ends });
                newest.insert(conversation_id, encodings.len() - 1);
                encodings.len() - 1
            }
        };
        let encoding = &mut encodings[index];
        frames::write_event(&mut encoding.frames, event, &EventDetails::default());
        encoding.ends.push(encoding.frames.len());
        encoding.next_seq = seq + 1;
    }
    let finish = |encoding: Encoding| EncodedEvents {
        conversation_id: encoding.conversation_id,
        first_seq: encoding.first_seq,
        frames: encoding.frames.into(),
        ends: encoding.ends,
    };
    encodings.into_iter().map(finish).collect()
}
