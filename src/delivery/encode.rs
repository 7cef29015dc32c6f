//! Encoding: a commit's events, once for all recipients.

use std::collections::HashMap;

use crate::domain::event::Event;
use crate::domain::{ConversationId, Seq};
use crate::registry::EncodedEvents;
use crate::wire::frames::{self, EventDetails};

/// Encodes a commit's events once, in commit order: for each conversation one run, or more where another process
/// numbered something between two halves of a batch.
pub fn encode<'a>(events: impl Iterator<Item = &'a Event>) -> Vec<EncodedEvents> {
    struct Encoding {
        conversation_id: ConversationId,
        first_seq: Seq,
        next_seq: Seq,
        frames: Vec<u8>,
        ends: Vec<usize>,
    }
    let mut runs: Vec<Encoding> = Vec::new();
    let mut newest: HashMap<ConversationId, usize> = HashMap::new();
    for event in events {
        let (conversation_id, seq) = (event.conversation_id, event.seq);
        let index = match newest.get(&conversation_id) {
            Some(&index) if runs[index].next_seq == seq => index,
            _ => {
                let (frames, ends) = (Vec::with_capacity(512), Vec::new());
                runs.push(Encoding { conversation_id, first_seq: seq, next_seq: seq, frames, ends });
                newest.insert(conversation_id, runs.len() - 1);
                runs.len() - 1
            }
        };
        let run = &mut runs[index];
        frames::write_event(&mut run.frames, event, &EventDetails::default());
        run.ends.push(run.frames.len());
        run.next_seq = seq + 1;
    }
    let finish = |run: Encoding| EncodedEvents {
        conversation_id: run.conversation_id,
        first_seq: run.first_seq,
        frames: run.frames.into(),
        ends: run.ends,
    };
    runs.into_iter().map(finish).collect()
}
