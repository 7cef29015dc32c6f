//! The entries of the index of messages that share a millisecond: a row of `search_moments`.
//!
//! An entry is its slot (2 bytes), the length of its words (4), the message's time in microseconds (8), the version of the words (8), the
//! conversation (16), the message's number (8), the sender (16), and the words. Numbers are little-endian.

use std::ops::Range;

use uuid::Uuid;

use crate::domain::message_search::{conversation_key, sender_key};
use crate::domain::{ConversationId, Error, Result, Seq, Timestamp, UserId};

/// Bits of an entry's id for its slot: 1,024, more than a server commits in a millisecond. Together with the milliseconds of the next thousand
/// years they are fewer than 63 bits.
const SLOT_BITS: u32 = 10;
const SLOT_MAX: u16 = (1 << SLOT_BITS) - 1;
const MICROS_OF_MILLI: i64 = 1_000;
/// The version of an entry that was removed. No index has it.
const NO_VERSION: i64 = 0;

/// Returns the millisecond of a time.
pub(super) fn milli_of(at: Timestamp) -> i64 {
    at.0.div_euclid(MICROS_OF_MILLI).clamp(0, i64::MAX >> SLOT_BITS)
}

/// Returns the time at which a millisecond begins.
pub(super) fn time_of(milli: i64) -> Timestamp {
    Timestamp(milli.saturating_mul(MICROS_OF_MILLI))
}

/// Returns the least and the greatest id of a millisecond.
pub(super) fn ids_of(milli: i64) -> (i64, i64) {
    (milli << SLOT_BITS, milli << SLOT_BITS | i64::from(SLOT_MAX))
}

/// Returns the millisecond of an id.
pub(super) fn milli_of_id(id: i64) -> i64 {
    id >> SLOT_BITS
}

/// An entry: where a message is, and the words that the index was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) version: i64,
    pub(super) conversation_id: ConversationId,
    pub(super) seq: Seq,
    pub(super) sender_id: UserId,
    pub(super) timestamp: Timestamp,
    pub(super) words: &'a str,
}

impl Entry<'_> {
    /// Returns the text for the index of words. The keys are words that no text has.
    fn indexed_text(&self) -> String {
        let mut text = String::with_capacity(self.words.len() + 2 * 40 + 16);
        text.push_str(self.words);
        text.push(' ');
        text.push_str(&scope_key(self.version, self.conversation_id));
        text.push(' ');
        text.push_str(&sender_key(self.sender_id));
        text
    }
}

/// Returns the word by which the index finds the messages of a conversation, in one version of the words.
pub(super) fn scope_key(version: i64, id: ConversationId) -> String {
    format!("{}{version:x}", conversation_key(id))
}

/// An entry's id, and the text that the index of words was given.
pub(super) type Indexed = (i64, String);

/// The entries of a millisecond.
#[derive(Debug)]
pub(super) struct Moment {
    milli: i64,
    bytes: Vec<u8>,
    last_slot: Option<u16>,
}

impl Moment {
    /// Reads the column `entries`.
    pub(super) fn read(milli: i64, bytes: Vec<u8>) -> Result<Self> {
        let mut moment = Self { milli, bytes, last_slot: None };
        moment.last_slot = moment.parts()?.iter().map(|part| part.slot).max();
        Ok(moment)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the entries and their ids, in no order.
    pub(super) fn entries(&self) -> Result<Vec<(i64, Entry<'_>)>> {
        Ok(self.parts()?.into_iter().map(|part| (self.id(part.slot), part.entry)).collect())
    }

    /// Adds an entry. Returns `None` if there is no room for it.
    pub(super) fn add(&mut self, entry: &Entry<'_>) -> Result<Option<Indexed>> {
        let slot = self.last_slot.map_or(0, |last| last + 1);
        if slot > SLOT_MAX {
            return Ok(None);
        }
        self.push(slot, entry)?;
        self.last_slot = Some(slot);
        Ok(Some((self.id(slot), entry.indexed_text())))
    }

    /// Removes the first entry that `is_it` chooses.
    pub(super) fn remove(&mut self, is_it: impl Fn(i64, &Entry<'_>) -> bool) -> Result<Option<Indexed>> {
        let parts = self.parts()?;
        let Some(part) = parts.into_iter().find(|part| is_it(self.id(part.slot), &part.entry)) else { return Ok(None) };
        let Part { slot, entry, range } = part;
        let removed = (self.id(slot), entry.indexed_text());
        let Entry { conversation_id, seq, sender_id, timestamp, .. } = entry;
        self.bytes.drain(range);
        if slot == SLOT_MAX {
            // The last slot stays taken, because it says that other entries of this time may be in the next millisecond.
            self.push(slot, &Entry { version: NO_VERSION, conversation_id, seq, sender_id, timestamp, words: "" })?;
        }
        Ok(Some(removed))
    }

    /// Returns true if entries of this time may be in the next millisecond, because there was no room for them.
    pub(super) fn is_full(&self) -> bool {
        self.last_slot == Some(SLOT_MAX)
    }

    fn id(&self, slot: u16) -> i64 {
        self.milli << SLOT_BITS | i64::from(slot)
    }

    fn push(&mut self, slot: u16, entry: &Entry<'_>) -> Result<()> {
        let length = u32::try_from(entry.words.len()).map_err(Error::internal)?;
        self.bytes.extend_from_slice(&slot.to_le_bytes());
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(&entry.timestamp.0.to_le_bytes());
        self.bytes.extend_from_slice(&entry.version.to_le_bytes());
        self.bytes.extend_from_slice(entry.conversation_id.0.as_bytes());
        self.bytes.extend_from_slice(&entry.seq.to_le_bytes());
        self.bytes.extend_from_slice(entry.sender_id.0.as_bytes());
        self.bytes.extend_from_slice(entry.words.as_bytes());
        Ok(())
    }

    fn parts(&self) -> Result<Vec<Part<'_>>> {
        let (mut rest, mut parts) = (self.bytes.as_slice(), Vec::new());
        while !rest.is_empty() {
            let start = self.bytes.len() - rest.len();
            let (slot, entry, after) =
                read(rest).ok_or_else(|| Error::internal("SQLite: an entry of the index is damaged"))?;
            parts.push(Part { slot, entry, range: start..self.bytes.len() - after.len() });
            rest = after;
        }
        Ok(parts)
    }
}

/// An entry and its bytes.
struct Part<'a> {
    slot: u16,
    entry: Entry<'a>,
    range: Range<usize>,
}

/// Reads an entry. Returns its slot too, and what follows it.
fn read(bytes: &[u8]) -> Option<(u16, Entry<'_>, &[u8])> {
    let (slot, bytes) = bytes.split_first_chunk()?;
    let (length, bytes) = bytes.split_first_chunk()?;
    let (timestamp, bytes) = bytes.split_first_chunk()?;
    let (version, bytes) = bytes.split_first_chunk()?;
    let (conversation_id, bytes) = bytes.split_first_chunk()?;
    let (seq, bytes) = bytes.split_first_chunk()?;
    let (sender_id, bytes) = bytes.split_first_chunk()?;
    let (words, bytes) = bytes.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    let entry = Entry {
        version: i64::from_le_bytes(*version),
        conversation_id: ConversationId(Uuid::from_bytes(*conversation_id)),
        seq: Seq::from_le_bytes(*seq),
        sender_id: UserId(Uuid::from_bytes(*sender_id)),
        timestamp: Timestamp(i64::from_le_bytes(*timestamp)),
        words: str::from_utf8(words).ok()?,
    };
    Some((u16::from_le_bytes(*slot), entry, bytes))
}

#[cfg(test)]
mod tests {
    use super::{Entry, Moment, ids_of, milli_of, milli_of_id, time_of};
    use crate::domain::{ConversationId, Timestamp, UserId};

    const AT: Timestamp = Timestamp(1_700_000_000_123_456);

    fn entry(seq: i64, words: &str) -> Entry<'_> {
        let (conversation_id, sender_id) = (ConversationId::new(), UserId::new());
        Entry { version: 7, conversation_id, seq, sender_id, timestamp: AT, words }
    }

    #[test]
    fn ids_are_in_the_order_of_time() {
        assert_eq!(time_of(milli_of(AT)), Timestamp(1_700_000_000_123_000));
        let (first, last) = ids_of(milli_of(AT));
        assert_eq!((milli_of_id(first), milli_of_id(last)), (milli_of(AT), milli_of(AT)));
        assert_eq!(last + 1, ids_of(milli_of(AT) + 1).0);
        assert_eq!((milli_of(Timestamp(-1)), milli_of(Timestamp(0))), (0, 0));
        assert!(ids_of(milli_of(Timestamp(i64::MAX))).1 > 0);
    }

    #[test]
    fn entries_are_read_as_they_were_written() {
        let mut moment = Moment::read(milli_of(AT), Vec::new()).expect("valid");
        let entries = [entry(1, "one"), entry(2, ""), entry(3, "three th\u{454}rd")];
        let ids: Vec<i64> = entries.iter().map(|entry| moment.add(entry).expect("valid").expect("valid").0).collect();
        let stored = Moment::read(milli_of(AT), moment.bytes().to_vec()).expect("valid");
        assert_eq!(stored.entries(), Ok(ids.iter().copied().zip(entries).collect()));
        let (id, text) = moment.remove(|_, entry| entry.seq == 2).expect("valid").expect("valid");
        assert_eq!((id, text), (ids[1], entries[1].indexed_text()));
        assert_eq!(moment.remove(|_, entry| entry.seq == 2), Ok(None));
        assert_eq!(moment.entries(), Ok(vec![(ids[0], entries[0]), (ids[2], entries[2])]));
    }

    #[test]
    fn a_millisecond_has_room_for_so_many() {
        let mut moment = Moment::read(milli_of(AT), Vec::new()).expect("valid");
        for seq in 0..1_024 {
            assert!(!moment.is_full());
            assert!(moment.add(&entry(seq, "x")).expect("valid").is_some());
        }
        assert!(moment.is_full() && moment.add(&entry(1_024, "x")).expect("valid").is_none());
        assert!(moment.remove(|_, entry| entry.seq == 1_023).expect("valid").is_some());
        let stored = Moment::read(milli_of(AT), moment.bytes().to_vec()).expect("valid");
        assert!(stored.is_full(), "what had no room is looked for");
    }

    #[test]
    fn damage_is_an_error() {
        let mut moment = Moment::read(milli_of(AT), Vec::new()).expect("valid");
        moment.add(&entry(1, "one")).expect("valid");
        for length in 1..moment.bytes().len() {
            assert!(Moment::read(milli_of(AT), moment.bytes()[..length].to_vec()).is_err(), "{length}");
        }
    }
}
