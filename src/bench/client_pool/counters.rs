//! What all connections of a crowd share: the counts of the present run, and what must be so.

use std::cell::{Cell, RefCell};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use hdrhistogram::Histogram;
use tokio::sync::Notify;

use crate::bench::frames::{Heard, ID, Mark};
use crate::bench::run_result::histogram;
use crate::domain::ConversationId;

/// Bytes read at a time. One buffer serves all connections, so that it stays in the processor's cache.
const READ_BYTES: usize = 64 * 1024;

pub(super) struct Tally {
    epoch: Instant,
    epoch_unix_ms: u64,
    pub(super) buffer: RefCell<Box<[u8]>>,
    pub(super) rooms: Vec<RoomTally>,
    /// Whether what comes back is followed by the next send.
    pub(super) looping: Cell<bool>,
    /// Until when it is.
    pub(super) deadline: Cell<Instant>,
    pub(super) sent: Cell<u64>,
    /// What all connections together are to hear of what was sent.
    pub(super) expected: Cell<u64>,
    pub(super) heard: Cell<u64>,
    /// From send to everybody else.
    pub(super) delivery: RefCell<Histogram<u64>>,
    /// From send to the sender.
    pub(super) acknowledgement: RefCell<Histogram<u64>>,
    /// From when a message should have been sent to when it was.
    pub(super) lateness: RefCell<Histogram<u64>>,
    /// What went wrong first.
    failure: RefCell<Option<String>>,
    /// Something went wrong, or all that was sent has been heard.
    pub(super) changed: Notify,
}

/// A conversation as its connections hear it.
pub(super) struct RoomTally {
    pub(super) id: ConversationId,
    pub(super) text: [u8; ID],
    /// Connections that hear it.
    pub(super) listeners: u64,
    /// The number before the run's first.
    before: Cell<i64>,
    /// The run's messages in their order, as the first who heard each of them tells.
    marks: RefCell<Vec<Mark>>,
}

impl RoomTally {
    pub(super) fn new(id: ConversationId, listeners: u64) -> Self {
        let mut text = [0; ID];
        text.copy_from_slice(id.to_string().as_bytes());
        Self { id, text, listeners, before: Cell::new(0), marks: RefCell::default() }
    }

    /// Whether this number is this message to everybody.
    pub(super) fn agrees(&self, heard: &Heard<'_>) -> Result<(), String> {
        let mut marks = self.marks.borrow_mut();
        let place = usize::try_from(heard.seq - self.before.get() - 1).unwrap_or(usize::MAX);
        match marks.get(place) {
            Some(mark) if mark == heard.mark => Ok(()),
            None if place == marks.len() => {
                marks.push(*heard.mark);
                Ok(())
            }
            _ => Err(format!("number {} of {} is not the same message to everybody", heard.seq, self.id)),
        }
    }
}

impl Tally {
    pub(super) fn new(rooms: Vec<RoomTally>) -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Instant::now();
        Self {
            epoch: now,
            epoch_unix_ms: u64::try_from(unix.as_millis()).unwrap_or_default(),
            buffer: RefCell::new(vec![0; READ_BYTES].into()),
            rooms,
            looping: Cell::new(false),
            deadline: Cell::new(now),
            sent: Cell::new(0),
            expected: Cell::new(0),
            heard: Cell::new(0),
            delivery: RefCell::new(histogram()),
            acknowledgement: RefCell::new(histogram()),
            lateness: RefCell::new(histogram()),
            failure: RefCell::default(),
            changed: Notify::new(),
        }
    }

    /// Forgets the last run. `before` tells the newest number in each room.
    pub(super) fn begin(&self, before: &[i64]) {
        for (room, before) in self.rooms.iter().zip(before) {
            room.before.set(*before);
            room.marks.borrow_mut().clear();
        }
        for count in [&self.sent, &self.expected, &self.heard] {
            count.set(0);
        }
        for histogram in [&self.delivery, &self.acknowledgement, &self.lateness] {
            histogram.borrow_mut().reset();
        }
    }

    /// A moment, in nanoseconds since the crowd was gathered.
    pub(super) fn nanos(&self, moment: Instant) -> u64 {
        u64::try_from(moment.saturating_duration_since(self.epoch).as_nanos()).unwrap_or(u64::MAX)
    }

    /// A moment, in nanoseconds since the crowd was gathered, on the wall clock.
    pub(super) fn unix_ms(&self, nanos: u64) -> u64 {
        self.epoch_unix_ms + nanos / 1_000_000
    }

    pub(super) fn fail(&self, reason: String) {
        self.failure.borrow_mut().get_or_insert(reason);
        self.changed.notify_one();
    }

    pub(super) fn check(&self) -> Result<(), String> {
        self.failure.borrow().clone().map_or(Ok(()), Err)
    }
}

/// Adds to a count.
pub(super) fn add(count: &Cell<u64>, more: u64) {
    count.set(count.get() + more);
}
