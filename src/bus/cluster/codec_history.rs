//! The history of the database, at the beginning of a body.
//!
//! It has the form of a hint about a user whom nobody is. A node that does not know of histories looks for connections of that user, finds none,
//! and reads on.

use uuid::Uuid;

use crate::bus::{Envelope, Hints};
use crate::domain::UserId;
use crate::store::History;

/// The first bytes of the id. Those of a user's id are a time, and this one lies in the 56th century.
const MARK: [u8; 4] = *b"hist";

/// Returns the envelope that names a history.
pub(super) fn envelope_of(history: History) -> Envelope {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&MARK);
    id[4..8].copy_from_slice(&history.timeline.to_be_bytes());
    id[8..].copy_from_slice(&history.cluster.to_be_bytes());
    Envelope::Hints(Hints { users: vec![UserId(Uuid::from_bytes(id))], ..Hints::default() })
}

/// Returns the history that an envelope names. `None` for all others.
pub(super) fn history_of(envelope: &Envelope) -> Option<History> {
    let Envelope::Hints(Hints { heads, users, everything: false }) = envelope else { return None };
    let ([], [UserId(id)]) = (&heads[..], &users[..]) else { return None };
    let (mark, rest) = id.as_bytes().split_first_chunk()?;
    let (timeline, cluster) = rest.split_first_chunk()?;
    let history =
        History { timeline: u32::from_be_bytes(*timeline), cluster: i64::from_be_bytes(*cluster.first_chunk()?) };
    (*mark == MARK).then_some(history)
}
