//! Who hears what in the relay, and what a turn of its loop has for them.

use std::collections::HashMap;

use chinwag::domain::{ConversationId, Seq};

use crate::frames::{IdText, Template};

/// A conversation.
pub(crate) struct Room {
    pub(crate) id: ConversationId,
    name: IdText,
    pub(crate) last_seq: Seq,
    /// Its sockets, by their places in the relay.
    pub(crate) members: Vec<usize>,
    /// The frames of this turn, one after the other, and where each ends.
    pub(crate) frames: Vec<u8>,
    pub(crate) ends: Vec<usize>,
}

/// All conversations.
#[derive(Default)]
pub(crate) struct Rooms {
    pub(crate) all: Vec<Room>,
    by_name: HashMap<IdText, usize>,
    /// Those that have frames in this turn.
    pub(crate) touched: Vec<usize>,
}

impl Rooms {
    /// The conversation's place, if it is known.
    pub(crate) fn find(&self, name: &IdText) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// Makes it known.
    pub(crate) fn add(&mut self, id: ConversationId, last_seq: Seq) -> usize {
        let name = name(id);
        let place = self.all.len();
        let (members, frames, ends) = (Vec::new(), Vec::new(), Vec::new());
        self.all.push(Room { id, name, last_seq, members, frames, ends });
        self.by_name.insert(name, place);
        place
    }

    /// Numbers a message and appends its frame to the turn's.
    pub(crate) fn put(&mut self, place: usize, template: &Template, id: &IdText, content: &[u8]) -> Seq {
        let room = &mut self.all[place];
        if room.ends.is_empty() {
            self.touched.push(place);
        }
        room.last_seq += 1;
        template.put(&mut room.frames, &room.name, room.last_seq, id, content);
        room.ends.push(room.frames.len());
        room.last_seq
    }
}

/// An id as text.
pub(crate) fn name(id: ConversationId) -> IdText {
    let mut name = [0; uuid::fmt::Hyphenated::LENGTH];
    id.0.hyphenated().encode_lower(&mut name);
    name
}
