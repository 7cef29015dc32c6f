//! The relay's conversations: their sockets, and the frames of the present loop iteration.

use std::collections::HashMap;

use chinwag::domain::{ConversationId, Seq};

use crate::frames::{IdText, MessageTemplate};

/// A conversation.
pub(crate) struct Room {
    pub(crate) id: ConversationId,
    id_text: IdText,
    pub(crate) last_seq: Seq,
    /// The indices of the sockets in the relay.
    pub(crate) members: Vec<usize>,
    /// The frames of this iteration, one after the other.
    pub(crate) frames: Vec<u8>,
    /// The end of each frame in `frames`.
    pub(crate) ends: Vec<usize>,
}

/// All conversations.
#[derive(Default)]
pub(crate) struct Rooms {
    pub(crate) all: Vec<Room>,
    by_id: HashMap<IdText, usize>,
    /// The indices of conversations that have frames in this iteration.
    pub(crate) dirty: Vec<usize>,
}

impl Rooms {
    /// Returns the index of a conversation.
    pub(crate) fn find(&self, id: &IdText) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// Adds a conversation. Returns its index.
    pub(crate) fn add(&mut self, id: ConversationId, last_seq: Seq) -> usize {
        let id_text = id_text(id);
        let index = self.all.len();
        let (members, frames, ends) = (Vec::new(), Vec::new(), Vec::new());
        self.all.push(Room { id, id_text, last_seq, members, frames, ends });
        self.by_id.insert(id_text, index);
        index
    }

    /// Gives a message its sequence number and appends its frame. Returns the sequence number.
    pub(crate) fn append(&mut self, index: usize, template: &MessageTemplate, id: &IdText, content: &[u8]) -> Seq {
        let room = &mut self.all[index];
        if room.ends.is_empty() {
            self.dirty.push(index);
        }
        room.last_seq += 1;
        template.render(&mut room.frames, &room.id_text, room.last_seq, id, content);
        room.ends.push(room.frames.len());
        room.last_seq
    }
}

/// Returns an id as text.
pub(crate) fn id_text(id: ConversationId) -> IdText {
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    id.0.hyphenated().encode_lower(&mut text);
    text
}
