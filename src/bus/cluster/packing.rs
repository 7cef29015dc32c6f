//! Packing: envelopes in bodies of a bounded size, for a carrier of small packets.
//!
//! Envelopes that the store can repeat become hints: each conversation once, with its newest number, and each user once. All others go whole, in
//! their order, and in fragments if they must.

use std::collections::{HashMap, HashSet};

use super::codec::{self, VERSION};
use super::fragments;
use crate::bus::{Envelope, Hints};
use crate::domain::{ConversationId, Seq, UserId};
use crate::limits;

/// Conversations or users in one envelope of hints: 200 conversations are 4,800 bytes.
const HINTS_PER_ENVELOPE: usize = 200;

/// Packs envelopes into bodies of at most `bytes_max` bytes.
pub(super) fn pack(envelopes: &[Envelope], bytes_max: usize) -> Vec<Vec<u8>> {
    let mut hints = MergedHints::default();
    let mut bodies = Bodies { done: Vec::new(), open: Vec::new(), bytes_max };
    for envelope in envelopes {
        match envelope.hints() {
            Some(own) => hints.add(own),
            None => bodies.add(envelope),
        }
    }
    for envelope in hints.envelopes() {
        bodies.add(&envelope);
    }
    bodies.finish()
}

#[derive(Default)]
struct MergedHints {
    heads: HashMap<ConversationId, Seq>,
    users: HashSet<UserId>,
    everything: bool,
}

impl MergedHints {
    fn add(&mut self, hints: Hints) {
        for (id, seq) in hints.heads {
            let head = self.heads.entry(id).or_insert(seq);
            *head = seq.max(*head);
        }
        self.users.extend(hints.users);
        self.everything |= hints.everything;
    }

    fn envelopes(self) -> Vec<Envelope> {
        let (heads, users): (Vec<_>, Vec<_>) = (self.heads.into_iter().collect(), self.users.into_iter().collect());
        let heads = heads.chunks(HINTS_PER_ENVELOPE).map(|heads| Hints { heads: heads.to_vec(), ..Hints::default() });
        let users = users.chunks(HINTS_PER_ENVELOPE).map(|users| Hints { users: users.to_vec(), ..Hints::default() });
        let everything = self.everything.then(|| Hints { everything: true, ..Hints::default() });
        heads.chain(users).chain(everything).map(Envelope::Hints).collect()
    }
}

struct Bodies {
    done: Vec<Vec<u8>>,
    /// The body that takes the next envelope if it fits.
    open: Vec<u8>,
    bytes_max: usize,
}

impl Bodies {
    fn add(&mut self, envelope: &Envelope) {
        let body = codec::encode([envelope]);
        if body.len() > self.bytes_max {
            self.close();
            if body.len() > limits::FRAGMENTED_BYTES_MAX {
                tracing::warn!(bytes = body.len(), "an envelope is too large for the bus, and is dropped");
            } else {
                self.done.extend(fragments::split(&body, self.bytes_max));
            }
            return;
        }
        if self.open.len() + body.len() > self.bytes_max {
            self.close();
        }
        if self.open.is_empty() {
            self.open = body;
        } else {
            // A body is its version, and one envelope after the other.
            self.open.extend(&body[1..]);
        }
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            self.done.push(std::mem::take(&mut self.open));
        }
    }

    /// Returns the bodies. They are at least one, because an empty one tells others of this node too.
    fn finish(mut self) -> Vec<Vec<u8>> {
        self.close();
        if self.done.is_empty() {
            self.done.push(vec![VERSION]);
        }
        self.done
    }
}
