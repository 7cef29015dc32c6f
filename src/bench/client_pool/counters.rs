//! The state that all clients of a pool share: the counters and latencies of the present run, and the order of messages.

use std::cell::{Cell, RefCell};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use hdrhistogram::Histogram;
use tokio::sync::Notify;

use crate::bench::frames::{ID_LENGTH, MessageTag, ReceivedMessage};
use crate::bench::run_result::histogram;
use crate::domain::ConversationId;

/// Bytes of one read. All clients share one buffer, so that it stays in the processor's cache.
const READ_BYTES: usize = 64 * 1024;

pub(super) struct Counters {
    epoch: Instant,
    epoch_unix_ms: u64,
    pub(super) buffer: RefCell<Box<[u8]>>,
    pub(super) rooms: Vec<RoomState>,
    /// The run is a closed loop: a client sends its next message when one comes back to it.
    pub(super) closed_loop: Cell<bool>,
    /// A closed loop sends nothing after this.
    pub(super) deadline: Cell<Instant>,
    pub(super) sent: Cell<u64>,
    /// Deliveries that the sent messages cause, to all clients together.
    pub(super) expected: Cell<u64>,
    pub(super) received: Cell<u64>,
    /// From the send to each other member.
    pub(super) delivery: RefCell<Histogram<u64>>,
    /// From the send back to the sender.
    pub(super) acknowledgement: RefCell<Histogram<u64>>,
    /// From the intended send time to the real one.
    pub(super) lateness: RefCell<Histogram<u64>>,
    /// The first failure.
    failure: RefCell<Option<String>>,
    /// Notified when a client fails, and when all expected deliveries have been received.
    pub(super) changed: Notify,
}

/// The messages of a conversation in the present run.
pub(super) struct RoomState {
    pub(super) id: ConversationId,
    pub(super) id_text: [u8; ID_LENGTH],
    /// Clients that receive the conversation.
    pub(super) subscribers: u64,
    /// The conversation's newest sequence number before the run.
    seq_before: Cell<i64>,
    /// The run's messages by sequence number, as the first client to receive each of them saw it.
    tags: RefCell<Vec<MessageTag>>,
}

impl RoomState {
    pub(super) fn new(id: ConversationId, subscribers: u64) -> Self {
        let mut id_text = [0; ID_LENGTH];
        id_text.copy_from_slice(id.to_string().as_bytes());
        Self { id, id_text, subscribers, seq_before: Cell::new(0), tags: RefCell::default() }
    }

    /// Returns an error when another client received a different message under this sequence number.
    pub(super) fn check_order(&self, message: &ReceivedMessage<'_>) -> Result<(), String> {
        let mut tags = self.tags.borrow_mut();
        let index = usize::try_from(message.seq - self.seq_before.get() - 1).unwrap_or(usize::MAX);
        match tags.get(index) {
            Some(tag) if tag == message.tag => Ok(()),
            None if index == tags.len() => {
                tags.push(*message.tag);
                Ok(())
            }
            _ => Err(format!("number {} of {} is not the same message to everybody", message.seq, self.id)),
        }
    }
}

impl Counters {
    pub(super) fn new(rooms: Vec<RoomState>) -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Instant::now();
        Self {
            epoch: now,
            epoch_unix_ms: u64::try_from(unix.as_millis()).unwrap_or_default(),
            buffer: RefCell::new(vec![0; READ_BYTES].into()),
            rooms,
            closed_loop: Cell::new(false),
            deadline: Cell::new(now),
            sent: Cell::new(0),
            expected: Cell::new(0),
            received: Cell::new(0),
            delivery: RefCell::new(histogram()),
            acknowledgement: RefCell::new(histogram()),
            lateness: RefCell::new(histogram()),
            failure: RefCell::default(),
            changed: Notify::new(),
        }
    }

    /// Prepares a run. `newest` has the newest sequence number of each room.
    pub(super) fn reset(&self, newest: &[i64]) {
        for (room, seq) in self.rooms.iter().zip(newest) {
            room.seq_before.set(*seq);
            room.tags.borrow_mut().clear();
        }
        for counter in [&self.sent, &self.expected, &self.received] {
            counter.set(0);
        }
        for histogram in [&self.delivery, &self.acknowledgement, &self.lateness] {
            histogram.borrow_mut().reset();
        }
    }

    /// Nanoseconds from the creation of the pool to `moment`.
    pub(super) fn nanos(&self, moment: Instant) -> u64 {
        u64::try_from(moment.saturating_duration_since(self.epoch).as_nanos()).unwrap_or(u64::MAX)
    }

    /// Converts nanoseconds since the creation of the pool to Unix time, in milliseconds.
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

pub(super) fn add(counter: &Cell<u64>, more: u64) {
    counter.set(counter.get() + more);
}
