//! Packing: envelopes in bodies of a bounded size, for a carrier of small packets.
//!
//! Envelopes that the store can repeat become hints: each conversation once, with its newest number, and each user once. All others go whole, in
//! their order, and in fragments if they must.

use std::collections::{HashMap, HashSet};

use super::codec;
use super::fragments;
use crate::bus::{Envelope, Hints};
use crate::domain::{ConversationId, Seq, UserId};
use crate::limits;
use crate::store::History;

/// Conversations or users in one envelope of hints: 200 conversations are 4,800 bytes.
const HINTS_PER_ENVELOPE: usize = 200;

/// Packs envelopes of a history into bodies of at most `bytes_max` bytes.
pub(super) fn pack(history: Option<History>, envelopes: &[Envelope], bytes_max: usize) -> Vec<Vec<u8>> {
    let mut hints = MergedHints::default();
    let empty = codec::encode(history, []);
    let mut bodies = Bodies { done: Vec::new(), open: Vec::new(), empty, bytes_max };
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
    /// The body of no envelope. Every body begins with it.
    empty: Vec<u8>,
    bytes_max: usize,
}

impl Bodies {
    fn add(&mut self, envelope: &Envelope) {
        let body = [self.empty.as_slice(), &codec::encode(None, [envelope])[1..]].concat();
        if body.len() > self.bytes_max {
            self.close();
            if body.len() > limits::FRAGMENTED_BYTES_MAX {
                tracing::warn!(bytes = body.len(), "an envelope is too large for the bus, and is dropped");
            } else {
                self.done.extend(fragments::split(&body, self.bytes_max));
            }
            return;
        }
        let envelope = &body[self.empty.len()..];
        if self.open.len() + envelope.len() > self.bytes_max {
            self.close();
        }
        if self.open.is_empty() {
            self.open = body;
        } else {
            self.open.extend(envelope);
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
            self.done.push(self.empty);
        }
        self.done
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{HINTS_PER_ENVELOPE, pack};
    use crate::bus::cluster::codec::{VERSION, decode};
    use crate::bus::cluster::fragments::{FRAGMENT, Fragments};
    use crate::bus::{Audience, Envelope, Hints};
    use crate::domain::{ConversationId, Incarnation, SessionId, UserId};
    use crate::limits;
    use crate::registry::EncodedEvents;
    use crate::store::History;

    const BYTES_MAX: usize = 5_000;

    /// Packs envelopes, and reads them as another node does.
    fn carried(envelopes: &[Envelope]) -> Vec<Envelope> {
        let (fragments, from) = (Fragments::default(), Incarnation::new());
        let history = Some(History { cluster: 7, timeline: 1 });
        let bodies = pack(history, envelopes, BYTES_MAX).into_iter().map(Bytes::from).filter_map(|body| {
            assert!(body.len() <= BYTES_MAX, "{}", body.len());
            if body[0] == FRAGMENT { fragments.add(from, body).expect("valid") } else { Some(body) }
        });
        let envelopes = bodies.flat_map(|body| {
            let (named, envelopes) = decode(body).expect("valid");
            assert_eq!(named, history, "each body names it");
            envelopes
        });
        envelopes.collect()
    }

    fn events(id: ConversationId, first_seq: i64) -> Envelope {
        let frames = Bytes::from_static(b"{}");
        Envelope::Events(vec![EncodedEvents { conversation_id: id, first_seq, ends: vec![frames.len()], frames }])
    }

    fn frame(bytes: usize) -> Envelope {
        let audience = Audience::Users { user_ids: vec![UserId::new()], conversation_id: None };
        Envelope::Ephemeral { audience, frame: Bytes::from(vec![b'x'; bytes]) }
    }

    #[test]
    fn a_conversation_is_hinted_once_with_its_newest_number() {
        let (one, other) = (ConversationId::new(), ConversationId::new());
        let carried = carried(&[events(one, 7), events(other, 1), events(one, 9), events(one, 8)]);
        let [Envelope::Hints(hints)] = &carried[..] else { panic!("{carried:?}") };
        let mut heads = hints.heads.clone();
        heads.sort();
        assert_eq!(heads, [(one, 9), (other, 1)]);
    }

    #[test]
    fn many_hints_take_several_packets_and_none_is_lost() {
        let ids: Vec<ConversationId> = (0..3 * HINTS_PER_ENVELOPE).map(|_| ConversationId::new()).collect();
        let users: Vec<UserId> = (0..3 * HINTS_PER_ENVELOPE).map(|_| UserId::new()).collect();
        let mut envelopes: Vec<Envelope> = ids.iter().map(|id| events(*id, 1)).collect();
        envelopes.push(Envelope::Deleted { conversation_id: ids[0], members: users.clone(), frames: Vec::new() });
        envelopes.push(Envelope::Hints(Hints { everything: true, ..Hints::default() }));
        let (mut heads, mut found, mut everything) = (Vec::new(), Vec::new(), false);
        for envelope in carried(&envelopes) {
            let hints = envelope.hints().expect("hints");
            heads.extend(hints.heads.into_iter().map(|(id, _)| id));
            found.extend(hints.users);
            everything |= hints.everything;
        }
        heads.sort();
        found.sort();
        assert!(heads == ids && found == users && everything);
    }

    #[test]
    fn what_has_no_short_form_goes_whole_and_in_order() {
        let sizes = [10, 4_000, 3, 20_000, BYTES_MAX, 1, limits::FRAGMENTED_BYTES_MAX / 2];
        let mut envelopes = sizes.map(frame).to_vec();
        envelopes.insert(3, Envelope::SessionsEnded((0..2_000).map(|_| SessionId::new()).collect()));
        let carried = carried(&envelopes);
        let lengths = carried.iter().map(|envelope| match envelope {
            Envelope::Ephemeral { frame, .. } => frame.len(),
            Envelope::SessionsEnded(sessions) => sessions.len(),
            other => panic!("{other:?}"),
        });
        assert_eq!(lengths.collect::<Vec<_>>(), [10, 4_000, 3, 2_000, 20_000, BYTES_MAX, 1, sizes[6]]);
    }

    #[test]
    fn small_envelopes_share_a_packet_and_a_greeting_is_one() {
        assert_eq!(pack(None, &[10; 20].map(frame), BYTES_MAX).len(), 1);
        assert_eq!(pack(None, &[], BYTES_MAX), [[VERSION]]);
        assert_eq!(pack(None, &[Envelope::Hints(Hints::default())], BYTES_MAX), [[VERSION]]);
        assert!(carried(&[frame(2 * limits::FRAGMENTED_BYTES_MAX)]).is_empty(), "too large, and harmless");
    }
}
