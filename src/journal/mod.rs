//! The journal: batches, commits, delivers and acknowledges writes, in this order and in this one place.
//!
//! While one batch is being committed, the jobs of the next one wait. There are no timers: under light load a batch is one write, and
//! under heavy load batches grow by themselves. A conversation always uses the same lane, so its batches follow one another. The next
//! batch is delivered when the last one is in every send queue.

mod backoff;
mod batch;
mod lane;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bus::Bus;
use crate::delivery::{GapRepair, supervised};
use crate::domain::command::{Outcome, Write};
use crate::domain::event::Event;
use crate::domain::{Code, ConversationId, Error, Result};
use crate::limits;
use crate::store::Store;
pub use backoff::Backoff;
use batch::Job;
use lane::Lane;

/// Receives the outcome of a write, once, after its events were delivered.
pub type Reply = Box<dyn FnOnce(Result<Outcome>) + Send>;

/// Observes what this node commits.
pub trait CommitObserver: Send + Sync {
    /// Receives events that were committed, those of a conversation in the order of their numbers. Must not wait. An event whose commit the
    /// store answered too late is not among them.
    fn committed(&self, events: &[&Event]);
}

/// Admits writes to its lanes.
pub struct Journal {
    lanes: Vec<mpsc::Sender<Job>>,
}

impl Journal {
    /// Starts as many lanes as the store can commit batches at a time.
    pub fn start(
        store: &Arc<dyn Store>,
        bus: &Arc<dyn Bus>,
        gap_repair: &Arc<GapRepair>,
        observer: &Arc<dyn CommitObserver>,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        let start_lane = |number| {
            let (sender, queue) = mpsc::channel(limits::JOURNAL_QUEUE_MAX);
            let (store, bus, gap_repair) = (Arc::clone(store), Arc::clone(bus), Arc::clone(gap_repair));
            let lane = Lane { number, store, bus, gap_repair, observer: Arc::clone(observer) };
            tasks.spawn(supervised(lane.run(queue, stop.clone())));
            sender
        };
        Self { lanes: (0..store.lanes()).map(start_lane).collect() }
    }

    /// Admits a write. Waits while its lane is full, for at most [`limits::ADMISSION_TIMEOUT`]. Replies with `busy` if the lane stays full,
    /// and with `draining` if it has ended.
    pub async fn submit(&self, write: Write, reply: Reply) {
        let submitted_at = Instant::now();
        let lane = &self.lanes[lane_of(write.conversation_id(), self.lanes.len())];
        match timeout(limits::ADMISSION_TIMEOUT, lane.reserve()).await {
            Ok(Ok(slot)) => slot.send(Job::new(write, submitted_at, reply)),
            Ok(Err(_)) => reply(Err(draining_error())),
            Err(_) => {
                let busy = Error::new(Code::Busy, "The server has too many writes to commit. Try again.");
                reply(Err(busy.after(Duration::from_secs(1))));
            }
        }
    }
}

/// Returns the error for a write that is submitted after the journal has stopped.
pub fn draining_error() -> Error {
    Error::new(Code::Draining, "The server is about to stop.")
}

fn lane_of(id: ConversationId, lanes: usize) -> usize {
    usize::try_from(id.0.as_u128() % lanes.max(1) as u128).unwrap_or(0)
}
