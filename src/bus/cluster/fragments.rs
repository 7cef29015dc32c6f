//! Fragments: the pieces of a body that does not fit into one packet, and what came of them.
//!
//! A node sends the fragments of a body one after the other. So a receiver keeps one incomplete body for each node. A fragment that does not continue it
//! ends it: the envelope was lost.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use super::bytes::{Malformed, Reader, Writer};
use crate::domain::Incarnation;
use crate::limits;

/// The first byte of a fragment, where other bodies have their version.
pub(super) const FRAGMENT: u8 = 0;
/// The bytes before the piece: the mark, the length of the whole, the place in it, and the length of the piece.
const HEADER_BYTES: usize = 1 + 3 * 4;

/// Splits a body into fragments of at most `bytes_max` bytes.
pub(super) fn split(body: &[u8], bytes_max: usize) -> impl Iterator<Item = Vec<u8>> {
    let piece_bytes = bytes_max.saturating_sub(HEADER_BYTES).max(1);
    body.chunks(piece_bytes).enumerate().map(move |(index, piece)| {
        let mut writer = Writer::default();
        writer.u8(FRAGMENT);
        writer.length(body.len());
        writer.length(index * piece_bytes);
        writer.bytes(piece);
        writer.finish()
    })
}

/// The bodies that came in part, each with its sender. Bounded by [`limits::FRAGMENTS_BYTES_MAX`].
#[derive(Default)]
pub(super) struct Fragments(Mutex<HashMap<Incarnation, Incomplete>>);

struct Incomplete {
    whole: usize,
    bytes: Vec<u8>,
}

impl Fragments {
    /// Adds a fragment. Returns the body that it completes.
    pub(super) fn add(&self, from: Incarnation, fragment: Bytes) -> Result<Option<Bytes>, Malformed> {
        let mut reader = Reader::new(fragment);
        let (mark, whole, at, piece) = (reader.u8()?, reader.length()?, reader.length()?, reader.bytes()?);
        let is_valid = mark == FRAGMENT && reader.is_empty() && !piece.is_empty();
        if !is_valid || whole > limits::FRAGMENTED_BYTES_MAX {
            return Err(Malformed);
        }
        // A panic under the lock leaves a valid map.
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = if at == 0 { None } else { all.remove(&from) };
        let mut incomplete = before.unwrap_or(Incomplete { whole, bytes: Vec::new() });
        if incomplete.whole != whole || incomplete.bytes.len() != at || whole - at < piece.len() {
            all.remove(&from);
            return Ok(None);
        }
        incomplete.bytes.extend(&piece);
        if incomplete.bytes.len() == whole {
            all.remove(&from);
            return Ok(Some(incomplete.bytes.into()));
        }
        let bytes: usize = all.values().map(|other| other.bytes.len()).sum();
        if bytes + incomplete.bytes.len() > limits::FRAGMENTS_BYTES_MAX {
            all.clear();
        }
        all.insert(from, incomplete);
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{Fragments, split};
    use crate::bus::cluster::bytes::Malformed;
    use crate::domain::Incarnation;
    use crate::limits;

    fn pieces(body: &[u8]) -> Vec<Bytes> {
        split(body, 100).map(Bytes::from).collect()
    }

    #[test]
    fn fragments_in_order_become_the_body() {
        let (fragments, one, other) = (Fragments::default(), Incarnation::new(), Incarnation::new());
        let body: Vec<u8> = (0..=255).cycle().take(1_000).collect();
        let pieces = pieces(&body);
        assert!(pieces.len() > 10 && pieces.iter().all(|piece| piece.len() <= 100));
        let (last, first) = pieces.split_last().expect("some");
        for piece in first {
            for from in [one, other] {
                assert_eq!(fragments.add(from, piece.clone()), Ok(None));
            }
        }
        for from in [one, other] {
            assert_eq!(fragments.add(from, last.clone()), Ok(Some(body.clone().into())));
        }
        assert_eq!(fragments.add(one, last.clone()), Ok(None), "the body is complete already");
    }

    #[test]
    fn a_lost_fragment_loses_its_body_alone() {
        let (fragments, from) = (Fragments::default(), Incarnation::new());
        let (body, next) = (vec![1; 250], vec![2; 250]);
        for piece in pieces(&body).into_iter().skip(1) {
            assert_eq!(fragments.add(from, piece), Ok(None));
        }
        let results: Vec<_> = pieces(&next).into_iter().map(|piece| fragments.add(from, piece)).collect();
        assert_eq!(results.last(), Some(&Ok(Some(next.into()))));
    }

    #[test]
    fn what_is_no_fragment_is_refused() {
        let (fragments, from) = (Fragments::default(), Incarnation::new());
        let piece = pieces(&[1; 250]).remove(0);
        assert_eq!(fragments.add(from, piece.slice(..piece.len() - 1)), Err(Malformed));
        let long = vec![0; limits::FRAGMENTED_BYTES_MAX + 1];
        assert_eq!(fragments.add(from, pieces(&long).remove(0)), Err(Malformed));
        assert_eq!(fragments.add(from, Bytes::new()), Err(Malformed));
    }

    #[test]
    fn incomplete_bodies_take_bounded_memory() {
        let fragments = Fragments::default();
        let body = vec![0; limits::FRAGMENTED_BYTES_MAX];
        let most = Bytes::from(split(&body, body.len()).next().expect("some"));
        for _ in 0..3 * limits::FRAGMENTS_BYTES_MAX / body.len() {
            assert_eq!(fragments.add(Incarnation::new(), most.clone()), Ok(None));
        }
        let kept: usize = fragments.0.lock().expect("no panic").values().map(|incomplete| incomplete.bytes.len()).sum();
        assert!(kept <= limits::FRAGMENTS_BYTES_MAX);
    }
}
